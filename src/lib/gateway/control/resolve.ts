// Which agent would carry a target, and why: the decision record that a connection would use, without connecting.
import type { Resolution } from '../../api/contract.ts';
import { parseTarget } from '../../routing/target.ts';
import type { Caller } from './caller.ts';
import type { ControlContext } from './context.ts';
import { decide } from './decide.ts';

/** Error `target.malformed`. That nothing fits is an answer here, not an error. */
export function resolve({ failures, registry, world }: ControlContext, { operator }: Caller, target: string, explicitAgent: string | null): Resolution {
  const request = { target: parseTarget(target), alternates: [], explicitAgent, operator };
  const { record } = decide(request, registry.all(), failures.at(world.clock.monotonic()));
  return { ...record, candidates: [...record.candidates] };
}
