// Which agents failed lately, and at what, so that others are tried before them for a while (requirements E4). Times come in.
import type { ErrorCode } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';

/** What an agent failed this target with a moment ago; null when it did not. */
export type FailedLately = (agent: string, target: string) => ErrorCode | null;

/** The agent itself is in trouble, whatever the target. */
const AT_ANYTHING: readonly ErrorCode[] = ['agent.silent', 'link.lost', 'streams.exhausted'];
/** It, or its network, cannot do this target; another one may. */
const AT_A_TARGET: readonly ErrorCode[] = [
  'agent.failed',
  'target.refused',
  'target.unreachable',
  'target.timed-out',
  'dns.failed',
  'route.none',
  'limit.reached',
];

/** Failures that nobody asks about again must not fill the memory. */
const MOST = 4096;

export class RecentFailures {
  readonly #failures = new Map<string, { readonly code: ErrorCode; readonly until: number }>();

  /** What is no fault of the agent, a policy or an operator who left, changes nothing. */
  failed(agent: string, target: string, code: ErrorCode, now: number): void {
    if (AT_ANYTHING.includes(code)) this.#note(agent, code, now);
    else if (AT_A_TARGET.includes(code)) this.#note(`${agent} ${target}`, code, now);
  }

  succeeded(agent: string, target: string): void {
    this.#failures.delete(agent);
    this.#failures.delete(`${agent} ${target}`);
  }

  at(now: number): FailedLately {
    const codeOf = (key: string) => {
      const failure = this.#failures.get(key);
      return failure !== undefined && now < failure.until ? failure.code : null;
    };
    return (agent, target) => codeOf(`${agent} ${target}`) ?? codeOf(agent);
  }

  #note(key: string, code: ErrorCode, now: number): void {
    this.#failures.delete(key); // the newest last
    this.#failures.set(key, { code, until: now + LIMITS.failedLatelyMs });
    if (this.#failures.size > MOST) for (const oldest of this.#failures.keys().take(1)) this.#failures.delete(oldest);
  }
}
