// Shapes that more than one resource of the HTTP contract has.
import { z } from 'zod';

export const name = z.string().min(1).max(255);
export const uuid = z.string().regex(/^[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}$/, 'not a UUID');
export const time = z.iso.datetime();
export const routeText = z.string().min(1).max(300);
export const targetText = z.string().min(1).max(300);
export const portsText = z.string().min(1).max(11);
export const ById = z.object({ id: z.string().min(1).max(100) });
/** Of every list: `after` is the `next` of the page before (for the audit log the last `seq` seen). */
export const PageQuery = z.object({ after: z.string().max(400).optional(), limit: z.coerce.number().int().min(1).max(1000).default(100) });
export type PageQuery = z.input<typeof PageQuery>;
