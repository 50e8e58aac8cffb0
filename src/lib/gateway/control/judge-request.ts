// One request of an operator, read from its texts and decided on the network as it is now: the one place where decision records are made (F1).
import { parseSitedTarget } from '../../routing/sited-target.ts';
import type { ControlContext } from './context.ts';
import { type Decided, decide, type Request } from './decide.ts';
import { type DirectContext, orDirect } from './direct.ts';

/** As it was written, by whoever asked. */
export interface WrittenRequest {
  readonly target: string;
  readonly alternates?: readonly string[] | undefined;
  readonly agent?: string | undefined;
  /** Of the target and the alternates that name none. */
  readonly site?: string | undefined;
}

/** Errors `target.malformed`, `request.malformed`. */
export function readRequest({ target, alternates = [], agent, site }: WrittenRequest, operator: Request['operator']): Request {
  return {
    target: parseSitedTarget(target, { site: site ?? null }),
    alternates: alternates.map((text) => parseSitedTarget(text, { field: 'alternate', site: site ?? null })),
    explicitAgent: agent ?? null,
    operator,
  };
}

type Judging = Pick<ControlContext, 'failures' | 'policy' | 'registry' | 'world'> & DirectContext;

/** By `policy`; by the one in force where none is given. Waits for a name server only where direct connections are listed, and no agent carries the target. */
export async function judgeRequest(context: Judging, request: Request, policy = context.policy.current): Promise<Decided> {
  const { failures, registry, world } = context;
  return await orDirect(context, request, policy, decide(request, registry, policy, failures.at(world.clock.monotonic())));
}
