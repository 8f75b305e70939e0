import { z } from 'zod';

/** The levels a task may ask for, lowest first. Each provider × model maps them to its own wire field. */
export const REASONING_EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const;

/** How much a model should think: one of {@link REASONING_EFFORTS}. */
export const ReasoningEffort = z.enum(REASONING_EFFORTS);
export type ReasoningEffort = z.infer<typeof ReasoningEffort>;

/** What happens to an effort that the model does not take: lower it, refuse the route, or omit the field. */
export const EffortPolicy = z.enum(['clamp', 'strict', 'omit']);
export type EffortPolicy = z.infer<typeof EffortPolicy>;
