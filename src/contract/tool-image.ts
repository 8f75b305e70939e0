import { z } from 'zod';
import { stored } from './stored.ts';

/** The types of images that every provider with images accepts. */
export const IMAGE_TYPES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'] as const;

/** An image that a tool returned; `data` is base64. */
export const ToolImage = stored({ type: z.enum(IMAGE_TYPES), data: z.string() });
export type ToolImage = Readonly<z.infer<typeof ToolImage>>;
