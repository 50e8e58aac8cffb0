// What `--json` promises of a command: its result and its events, declared beside the command as zod. Only documentation and tests load zod and the
// contract for it; a command that runs never does.
import type { z } from 'zod';

/** What a declaration is written with: zod, and the shapes of the API. */
export type Shapes = { readonly z: typeof z } & typeof import('../api/contract.ts') &
  typeof import('../api/agents.ts') &
  typeof import('../api/audit.ts') &
  typeof import('../api/locks.ts') &
  typeof import('../api/policy.ts') &
  typeof import('../api/tokens.ts') &
  typeof import('../api/agent-status.ts') &
  typeof import('../api/agent-renewal.ts') &
  typeof import('../api/config.ts') &
  typeof import('../api/shapes.ts');

/** The one document of a command whose `run` gives a `T`. */
export type ResultShape<T = object> = (shapes: Shapes) => z.ZodType<T>;
/** What a declared result is in TypeScript. */
export type Shown<S extends ResultShape> = z.infer<ReturnType<S>>;
/** The events of a stream by name, each without its `event`; `error` is every stream's and needs no declaration. */
export type EventShapes = (shapes: Shapes) => Readonly<Record<string, z.ZodObject>>;
