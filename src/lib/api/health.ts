// The HTTP contract of health: what anybody may ask without a login.
import { z } from 'zod';

export const LiveAnswer = z.object({ live: z.literal(true) });
/** Everything that a new session needs was tried a moment ago; otherwise it is 503, with what is missing. */
export const ReadyAnswer = z.object({ ready: z.literal(true) });
