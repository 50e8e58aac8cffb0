// What a target should say first, by its port, what is asked of it, and whether what came is that. Pure.
import { escapeText } from '../base/escape.ts';
import type { Finding } from './step.ts';

export const PROTOCOLS = ['ssh', 'http', 'https', 'rdp', 'vnc', 'any'] as const;
export type TargetProtocol = (typeof PROTOCOLS)[number];

const BY_PORT: Readonly<Record<number, TargetProtocol>> = {
  22: 'ssh',
  80: 'http',
  443: 'https',
  3389: 'rdp',
  5900: 'vnc',
  5985: 'http',
  5986: 'https',
  8000: 'http',
  8080: 'http',
  8443: 'https',
};

export function protocolOf(port: number): TargetProtocol {
  return BY_PORT[port] ?? 'any';
}

/** [MS-RDPBCGR] 2.2.1.1: an X.224 Connection Request that offers TLS and CredSSP. */
const RDP_REQUEST = Uint8Array.of(3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 3, 0, 0, 0);

/** Undefined: the target speaks first, or TLS is spoken. */
export function questionFor(protocol: TargetProtocol, host: string): Uint8Array | undefined {
  if (protocol === 'http') return Buffer.from(`GET / HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: tunnel-doctor\r\nConnection: close\r\n\r\n`);
  return protocol === 'rdp' ? RDP_REQUEST : undefined;
}

/** What came within the time; `ended` where the target closed the connection by then. */
export interface Answered {
  readonly bytes: Uint8Array;
  readonly ended: boolean;
}

const SPEAKS: readonly (readonly [TargetProtocol, (text: string) => boolean])[] = [
  ['ssh', (text) => text.startsWith('SSH-')],
  ['http', (text) => /^HTTP\/\d/.test(text)],
  ['rdp', (text) => text.charCodeAt(0) === 3 && text.charCodeAt(1) === 0 && text.charCodeAt(5) === 0xd0],
  ['vnc', (text) => /^RFB \d/.test(text)],
  ['https', (text) => (text.charCodeAt(0) === 21 || text.charCodeAt(0) === 22) && text.charCodeAt(1) === 3],
];
const SHOWN = 60;

/** Of a protocol other than https, which the handshake itself judges. */
export function judgeFirstBytes(expected: TargetProtocol, { bytes, ended }: Answered, waitedMs: number): Finding {
  const text = Buffer.from(bytes).toString('latin1');
  const spoken = SPEAKS.find(([, matches]) => matches(text))?.[0];
  const said = escapeText(text.split(/\r?\n/)[0]?.slice(0, SHOWN) ?? '');
  const detail = { expected, speaks: spoken ?? null, bytes: bytes.length, first_line: said === '' ? null : said };
  if (bytes.length === 0) return silent(expected, ended, waitedMs, detail);
  if (expected === 'any' || spoken === expected)
    return { message: spoken === undefined ? `it says ${JSON.stringify(said)}` : `it speaks ${spoken}: ${JSON.stringify(said)}`, detail };
  return unexpected(expected, spoken === undefined ? `something else: ${JSON.stringify(said)}` : spoken, detail);
}

export function unexpected(expected: TargetProtocol, spoken: string, detail: Readonly<Record<string, unknown>>): Finding {
  const hint = 'Is it the right port? --protocol says what is expected, where the port does not tell.';
  return { state: 'failed', code: 'target.unexpected', message: `the target does not speak ${expected} but ${spoken}`, hint, detail };
}

function silent(expected: TargetProtocol, ended: boolean, waitedMs: number, detail: Readonly<Record<string, unknown>>): Finding {
  if (ended)
    return {
      state: 'failed',
      code: 'target.unexpected',
      message: 'the target takes the connection and ends it without a word',
      hint: 'Its own log says why: an access list (hosts.allow), too many connections, or a proxy before it.',
      detail,
    };
  const message = `the target takes the connection and says nothing within ${waitedMs / 1000} s`;
  if (expected === 'any') return { message: `${message}; it may wait for its client`, detail };
  return {
    state: 'failed',
    code: 'target.timed-out',
    message,
    hint: `Does ${expected} run there, and is it well? --protocol says what is expected, where the port does not tell.`,
    detail,
  };
}
