// What a SOCKS client says and is told: RFC 1928 (version 5, no authentication) and SOCKS 4 with 4a's names. Bytes to values and back, nothing else.
import { type ErrorCode, TunnelError } from '../base/errors.ts';
import { escapeText } from '../base/escape.ts';

/** The longest request there is: SOCKS 4a with a user and a name of 255 bytes each. */
export const SOCKS_REQUEST_BYTES = 8 + 256 + 256;

const V5 = 5;
const V4 = 4;
const NO_AUTHENTICATION = 0;
const NONE_ACCEPTABLE = 0xff;
const COMMANDS: Readonly<Record<number, string>> = { 2: 'BIND', 3: 'UDP ASSOCIATE' };
const HINT = 'Only TCP connections are carried (CONNECT).';

export type SocksVersion = 4 | 5;

/** `host:port` as the client wrote it, brackets around IPv6; not judged. */
export interface SocksRequest {
  readonly target: string;
}

interface Parsed<Value> {
  readonly value: Value;
  readonly length: number;
}

/** Which SOCKS it is: 4 has no greeting, and its bytes are the request's. Error `request.malformed` for anything else; HTTP is named. */
export function parseVersion(bytes: Buffer): Parsed<SocksVersion> | undefined {
  const [version] = bytes;
  if (version === undefined) return undefined;
  if (version === V5 || version === V4) return { value: version, length: 0 };
  const isHttp = /^[A-Z]$/.test(String.fromCharCode(version));
  throw new TunnelError('request.malformed', isHttp ? 'a client spoke HTTP to the SOCKS port' : `a client spoke no SOCKS: its first byte is ${version}`, {
    hint: isHttp ? 'Set it to SOCKS5, or listen with --http [BIND:]PORT.' : 'Set it to SOCKS5.',
  });
}

/** RFC 1928, 3: whether the client would do without authentication. */
export function parseGreeting(bytes: Buffer): Parsed<{ readonly withoutAuthentication: boolean }> | undefined {
  const count = bytes[1];
  if (count === undefined || bytes.length < 2 + count) return undefined;
  return { value: { withoutAuthentication: bytes.subarray(2, 2 + count).includes(NO_AUTHENTICATION) }, length: 2 + count };
}

export function greetingAnswer(accepted: boolean): Uint8Array {
  return Uint8Array.of(V5, accepted ? NO_AUTHENTICATION : NONE_ACCEPTABLE);
}

/** RFC 1928, 4. Errors `protocol.unsupported` for BIND and UDP ASSOCIATE, `request.malformed`. */
export function parseRequest5(bytes: Buffer): Parsed<SocksRequest> | undefined {
  const [version, command, , type, nameLength = 0] = bytes;
  if (type === undefined) return undefined;
  if (version !== V5) throw new TunnelError('request.malformed', `a SOCKS5 request of version ${version}`);
  const hostLength = type === 1 ? 4 : type === 4 ? 16 : type === 3 ? 1 + nameLength : undefined;
  if (hostLength === undefined) throw new TunnelError('request.malformed', `a SOCKS5 request with address type ${type}`);
  const length = 4 + hostLength + 2;
  if (bytes.length < length) return undefined;
  demandConnect(command);
  const host = bytes.subarray(4, 4 + hostLength);
  const text = type === 3 ? nameText(host.subarray(1)) : addressText(host);
  return { value: { target: `${text}:${bytes.readUInt16BE(4 + hostLength)}` }, length };
}

/** SOCKS 4, and 4a's name where the address is 0.0.0.x. Errors as `parseRequest5`. */
export function parseRequest4(bytes: Buffer): Parsed<SocksRequest> | undefined {
  const userEnd = bytes.length < 9 ? -1 : bytes.indexOf(0, 8);
  if (userEnd < 0) return undefined;
  const address = bytes.subarray(4, 8);
  const named = address.readUInt32BE() < 256 && address[3] !== 0;
  const nameEnd = named ? bytes.indexOf(0, userEnd + 1) : userEnd;
  if (nameEnd < 0) return undefined;
  demandConnect(bytes[1]);
  const host = named ? nameText(bytes.subarray(userEnd + 1, nameEnd)) : addressText(address);
  return { value: { target: `${host}:${bytes.readUInt16BE(2)}` }, length: nameEnd + 1 };
}

/** The last word of the handshake; bytes follow after `undefined`, which is success. No address of ours means anything to the client. */
export function socksAnswer(version: SocksVersion, failure?: ErrorCode): Uint8Array {
  if (version === V4) return Uint8Array.of(0, failure === undefined ? 90 : 91, 0, 0, 0, 0, 0, 0);
  return Uint8Array.of(V5, failure === undefined ? 0 : (REPLIES[failure] ?? GENERAL_FAILURE), 0, 1, 0, 0, 0, 0, 0, 0);
}

const GENERAL_FAILURE = 1;
/** RFC 1928, 6. */
const [NOT_ALLOWED, NO_NETWORK, NO_HOST, REFUSED, EXPIRED, NO_COMMAND, NO_ADDRESS_TYPE] = [2, 3, 4, 5, 6, 7, 8] as const;
const REPLIES: { readonly [Code in ErrorCode]?: number } = {
  'policy.denied': NOT_ALLOWED,
  'session.refused': NOT_ALLOWED,
  'login.refused': NOT_ALLOWED,
  'route.none': NO_NETWORK,
  'agent.unknown': NO_NETWORK,
  'gateway.unreachable': NO_NETWORK,
  'gateway.stopping': NO_NETWORK,
  'gateway.silent': NO_NETWORK,
  'link.lost': NO_NETWORK,
  'agent.offline': NO_HOST,
  'agent.failed': NO_HOST,
  'dns.failed': NO_HOST,
  'target.unreachable': NO_HOST,
  'target.refused': REFUSED,
  'target.timed-out': EXPIRED,
  'agent.silent': EXPIRED,
  timeout: EXPIRED,
  'protocol.unsupported': NO_COMMAND,
  'request.malformed': NO_ADDRESS_TYPE,
};

function demandConnect(command: number | undefined): void {
  if (command === 1) return;
  const name = COMMANDS[command ?? 0] ?? `command ${command}`;
  throw new TunnelError('protocol.unsupported', `a client asked for SOCKS ${name}, which is not carried`, { hint: HINT });
}

/** A name may be an address in text (curl does so); IPv6 gets its brackets, and the one parser of targets judges the rest. */
function nameText(bytes: Buffer): string {
  const text = bytes.toString('latin1');
  if (/[^\x21-\x7e]/.test(text)) throw new TunnelError('request.malformed', `a SOCKS request for a name that is none: "${escapeText(text.slice(0, 80))}"`);
  return text.includes(':') && !text.startsWith('[') ? `[${text}]` : text;
}

function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  return `[${groups.join(':')}]`;
}
