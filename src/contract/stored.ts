import { z } from 'zod';
import { contract, type Tested } from './fits.ts';

/**
 * Makes the schema of an object that is stored in Redis or sent over its channels. A reader accepts fields that the
 * schema does not name and keeps them, so that an older worker neither refuses the record of a newer worker nor drops a
 * part of it.
 *
 * What a producer writes is checked strictly instead: an unknown field is a mistake that its author can correct. The
 * type has no index signature, because code must not use a field that no schema describes.
 */
export function stored<S extends z.core.$ZodLooseShape>(
  shape: S,
): Tested<z.ZodObject<z.core.util.Writeable<S>, z.core.$strip>> {
  return contract(z.looseObject(shape));
}
