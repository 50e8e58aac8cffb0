// Shapes that the claims of several tokens share.
import { z } from 'zod';
import { parseUuid } from '../base/ids.ts';

/** Canonical: lower case with hyphens. */
export const uuidClaim = z.string().refine((text) => parseUuid(text) === text, 'not a UUID');
export const secondsClaim = z.number().int().positive().max(8_640_000_000_000);
export const pinClaim = z.string().regex(/^[0-9a-f]{64}$/, 'not a pin');
export const urlClaim = z.url({ protocol: /^https?$/ }).max(2048);
/** Version 1 allows more than our own names: 1 to 255 printable ASCII characters. */
export const nameClaim = z.string().regex(/^[\x20-\x7e]{1,255}$/, 'not a name');
export const targetClaim = z.string().min(1).max(300);
/** Whether the API's certificate is of the tunnel's own CA or of one that the system trusts. */
export const tlsClaim = z.enum(['tunnel', 'public']);
