// What an operator writes to ask for a forward: a target, kubectl's LOCALPORT:HOST:PORT, or ssh's -L [BIND:]PORT:HOST:PORT.
import { isIP } from 'node:net';
import { TunnelError } from '../../base/errors.ts';
import { escapeText } from '../../base/escape.ts';
import type { SocketAddress } from '../../base/world.ts';
import { formatTarget, parseTarget } from '../../routing/target.ts';

export interface ForwardSpec {
  /** Port 0: the system chooses. */
  readonly listen: SocketAddress;
  /** Canonical. */
  readonly target: string;
}

const LOOPBACK = '127.0.0.1';

/** `HOST:PORT` or `LOCALPORT:HOST:PORT`. No host is made of digits alone, so the two cannot be mistaken. Error `target.malformed`. */
export function parseForward(text: string): ForwardSpec {
  const [, port, rest] = /^(\d+):(.*:.*)$/.exec(text) ?? [];
  const listen = { address: LOOPBACK, port: port === undefined ? 0 : parsePort(port, text) };
  return { listen, target: formatTarget(parseTarget(rest ?? text)) };
}

/** ssh's form. Errors `target.malformed`, `address.malformed`. */
export function parseLocalForward(text: string): ForwardSpec {
  const [, short, shortRest] = /^(\d+):(.*:.*)$/.exec(text) ?? [];
  if (short !== undefined && shortRest !== undefined && !/^\d+:.*:/.test(shortRest)) {
    return { listen: { address: LOOPBACK, port: parsePort(short, text) }, target: formatTarget(parseTarget(shortRest)) };
  }
  const [, bind, port, rest] = /^(\[[^\]]*\]|[^:]*):(\d+):(.*)$/.exec(text) ?? [];
  if (bind === undefined || port === undefined || rest === undefined) {
    throw new TunnelError('address.malformed', `-L is not [BIND:]PORT:HOST:PORT: "${escapeText(text.slice(0, 80))}"`, {
      hint: 'For example: -L 8080:db.corp.example:5432',
    });
  }
  return { listen: { address: parseBind(bind, text), port: parsePort(port, text) }, target: formatTarget(parseTarget(rest)) };
}

/** `[BIND:]PORT`, loopback where nothing else is named. Error `address.malformed`. */
export function parseListen(text: string): SocketAddress {
  const [, bind, port] = /^(?:(\[[^\]]*\]|[^:]*):)?(\d+)$/.exec(text) ?? [];
  if (port === undefined) throw malformed(text);
  return { address: bind === undefined ? LOOPBACK : parseBind(bind, text), port: parsePort(port, text) };
}

/** With brackets around IPv6. */
export function formatSocketAddress({ address, port }: SocketAddress): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function parseBind(text: string, whole: string): string {
  if (text === '*') return '0.0.0.0';
  if (text === 'localhost') return LOOPBACK;
  const bare = text.replace(/^\[(.*)\]$/, '$1');
  if (isIP(bare) === 0) throw malformed(whole);
  return bare;
}

function parsePort(text: string, whole: string): number {
  if (!/^(0|[1-9]\d{0,4})$/.test(text) || Number(text) > 65535) throw malformed(whole);
  return Number(text);
}

function malformed(text: string): TunnelError {
  return new TunnelError('address.malformed', `not an address to listen on: "${escapeText(text.slice(0, 80))}"`, {
    hint: 'Write PORT, 127.0.0.1:PORT or [::1]:PORT, the port from 0 (chosen for you) to 65535.',
  });
}
