// The one error type and the closed list of its codes, for every layer; each edge maps `kind` by a table of its own.
export type Kind = 'failed' | 'usage' | 'unauthenticated' | 'forbidden' | 'not-found' | 'unreachable' | 'timeout' | 'conflict' | 'limited' | 'interrupted';

const KIND_OF = {
  internal: 'failed',
  'file.failed': 'failed',
  'file.corrupt': 'failed',
  'store.corrupt': 'failed',
  'store.newer': 'failed',
  'audit.broken': 'failed',
  'check.failed': 'failed',
  'clock.wrong': 'failed',
  'target.unexpected': 'failed',
  'service.failed': 'failed',
  'protocol.violation': 'failed',
  'protocol.unsupported': 'failed',
  'link.lost': 'unreachable',
  'link.reset': 'failed',
  'session.closed': 'failed',
  usage: 'usage',
  'usage.missing-value': 'usage',
  'target.malformed': 'usage',
  'route.malformed': 'usage',
  'name.malformed': 'usage',
  'ports.malformed': 'usage',
  'duration.malformed': 'usage',
  'address.malformed': 'usage',
  'address.not-here': 'usage',
  'string.malformed': 'usage',
  'csr.refused': 'usage',
  'ca.refused': 'usage',
  'config.invalid': 'usage',
  'gateway.public-url': 'usage',
  'gateway.never-started': 'usage',
  'request.malformed': 'usage',
  'policy.malformed': 'usage',
  'proxy.malformed': 'usage',
  'terminal.missing': 'usage',
  'string.refused': 'unauthenticated',
  'login.missing': 'unauthenticated',
  'login.refused': 'unauthenticated',
  'pin.mismatch': 'unauthenticated',
  'certificate.refused': 'unauthenticated',
  'certificate.expired': 'unauthenticated',
  'ca.passphrase': 'unauthenticated',
  'session.refused': 'unauthenticated',
  'proxy.refused': 'unauthenticated',
  'agent.not-enrolled': 'unauthenticated',
  'agent.deleted': 'unauthenticated',
  'policy.denied': 'forbidden',
  'scope.missing': 'forbidden',
  'operator.locked': 'forbidden',
  'session.locked': 'forbidden',
  'file.loose-mode': 'forbidden',
  'environment.unsafe': 'forbidden',
  'route.none': 'not-found',
  'agent.unknown': 'not-found',
  'session.unknown': 'not-found',
  'tunnel.unknown': 'not-found',
  'session.idle': 'timeout',
  'outage.too-long': 'unreachable',
  'token.unknown': 'not-found',
  'operator.unknown': 'not-found',
  'ca.missing': 'not-found',
  'resource.unknown': 'not-found',
  'service.missing': 'not-found',
  'profile.unknown': 'not-found',
  'program.missing': 'not-found',
  'gateway.unreachable': 'unreachable',
  'agent.offline': 'unreachable',
  'agent.failed': 'unreachable',
  'target.refused': 'unreachable',
  'target.unreachable': 'unreachable',
  'dns.failed': 'unreachable',
  'quic.unavailable': 'unreachable',
  'udp.blocked': 'unreachable',
  'gateway.stopping': 'unreachable',
  'edge.away': 'unreachable',
  timeout: 'timeout',
  'gateway.silent': 'timeout',
  'agent.silent': 'timeout',
  'target.timed-out': 'timeout',
  'port.in-use': 'conflict',
  'ca.exists': 'conflict',
  'ca.rotating': 'conflict',
  'ca.not-rotating': 'conflict',
  'name.taken': 'conflict',
  'id.taken': 'conflict',
  'session.exists': 'conflict',
  'tunnel.other': 'conflict',
  'policy.changed': 'conflict',
  'agent.flapping': 'conflict',
  'profile.running': 'conflict',
  'state.locked': 'conflict',
  'limit.reached': 'limited',
  'streams.exhausted': 'limited',
  'store.busy': 'limited',
  interrupted: 'interrupted',
} as const satisfies Record<string, Kind>;

export type ErrorCode = keyof typeof KIND_OF;

/** What a person or a script is told: a stable code, what failed and why, and what to do about it. */
export class TunnelError extends Error {
  override readonly name = 'TunnelError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  /** The other side said so. */
  readonly remote: boolean;
  /** How the request was routed and judged, where that is what failed: the decision record (requirement F1). */
  readonly decision: object | undefined;

  constructor(code: ErrorCode, message: string, more: { hint?: string | undefined; cause?: unknown; remote?: boolean; decision?: object | undefined } = {}) {
    super(message, { cause: more.cause });
    this.code = code;
    this.hint = more.hint;
    this.remote = more.remote ?? false;
    this.decision = more.decision;
  }

  get kind(): Kind {
    return KIND_OF[this.code];
  }

  toJSON(): { code: ErrorCode; message: string; hint: string | undefined; decision?: object | undefined } {
    return { code: this.code, message: this.message, hint: this.hint, ...(this.decision && { decision: this.decision }) };
  }
}

/** For text that came over a wire: is it one of our codes? */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(KIND_OF, text);
}

/** For documentation and tests: each code with its kind. */
export const ERROR_KINDS: Readonly<Record<ErrorCode, Kind>> = KIND_OF;

/** Of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
