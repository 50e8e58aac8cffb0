// The one sentence at the end of an examination: where it breaks, whose it is, what to type. Pure.
import type { ErrorCode } from '../base/errors.ts';
import type { Owner, Step, StepName } from './step.ts';

/** As `--json` prints it. */
export interface Conclusion {
  /** Null where all is well. */
  readonly step: StepName | null;
  readonly owner: Owner | null;
  readonly code: ErrorCode | null;
  readonly message: string;
  readonly hint: string | null;
}

export interface Verdict {
  readonly ok: boolean;
  readonly conclusion: Conclusion;
}

/** Nothing rests on these: whatever fails after them fails for its own reason, unless they explain it. */
const BESIDE: ReadonlySet<StepName> = new Set<StepName>(['clock', 'udp', 'versions', 'service', 'disk', 'certificate', 'server-certificate', 'files']);

/** A failure of the first is the reason for those of the others. */
const EXPLAINS: { readonly [Cause in StepName]?: ReadonlySet<ErrorCode | null> } = {
  clock: new Set<ErrorCode>(['certificate.refused', 'certificate.expired', 'session.refused']),
  udp: new Set<ErrorCode>(['agent.offline', 'quic.unavailable']),
  disk: new Set<ErrorCode>(['file.failed', 'store.busy', 'gateway.unreachable', 'agent.offline', 'internal']),
  certificate: new Set<ErrorCode>(['agent.offline', 'certificate.refused', 'certificate.expired']),
  'server-certificate': new Set<ErrorCode>(['certificate.refused', 'certificate.expired']),
  files: new Set<ErrorCode>(['gateway.unreachable']),
};

export const OWNER_WORDS: Readonly<Record<Owner, string>> = {
  machine: 'this machine',
  network: 'the network',
  gateway: 'the gateway',
  policy: 'policy, which an administrator sets',
  agent: 'the agent',
  target: 'the target',
};

/** The first failure on the way, or what explains it; then failures beside the way; then warnings. */
export function conclude(steps: readonly Step[]): Verdict {
  const failed = steps.filter(({ state }) => state === 'failed');
  const onTheWay = failed.find(({ name }) => !BESIDE.has(name));
  const first = onTheWay ?? failed[0];
  if (first !== undefined) return { ok: false, conclusion: breaksAt(explained(first, failed)) };
  const warning = steps.find(({ state }) => state === 'warning');
  if (warning === undefined) return { ok: true, conclusion: { step: null, owner: null, code: null, message: 'All is well.', hint: null } };
  const { name: step, owner, code, message, hint } = warning;
  return { ok: true, conclusion: { step, owner, code, message: `It works, but ${step} (${OWNER_WORDS[owner]}): ${trimmed(message)}.`, hint } };
}

function explained(failure: Step, failed: readonly Step[]): Step {
  return failed.find(({ name }) => name !== failure.name && EXPLAINS[name]?.has(failure.code)) ?? failure;
}

function breaksAt({ name: step, owner, code, message, hint }: Step): Conclusion {
  return { step, owner, code: code ?? 'internal', message: `It breaks at ${step}, which is up to ${OWNER_WORDS[owner]}: ${trimmed(message)}.`, hint };
}

function trimmed(message: string): string {
  return message.replace(/\.$/, '');
}
