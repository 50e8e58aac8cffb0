// What an operator writes to ask for a forward: a target, kubectl's LOCALPORT:HOST:PORT, ssh's -L [BIND:]PORT:HOST:PORT, or where a proxy shall listen.
import { isIP } from 'node:net';
import { TunnelError } from '../../base/errors.ts';
import { escapeText } from '../../base/escape.ts';
import type { LocalPath, SocketAddress } from '../../base/world.ts';
import { formatSitedTarget, parseSitedTarget } from '../../routing/sited-target.ts';
import { ANY_TARGET } from '../../routing/target.ts';

/** Port 0: the system chooses. */
export type Listen = SocketAddress | LocalPath;

/** What a local listener speaks with its clients. */
export type Protocol = 'tcp' | 'socks5' | 'http';

export interface ForwardSpec {
  readonly listen: Listen;
  readonly protocol: Protocol;
  /** Canonical; ANY_TARGET where each connection names its own. */
  readonly target: string;
}

const LOOPBACK = '127.0.0.1';

/** `HOST:PORT` or `LOCALPORT:HOST:PORT`, either with `@SITE`. No host is made of digits alone, so the two cannot be mistaken. Error `target.malformed`. */
export function parseForward(text: string, site: string | null = null): ForwardSpec {
  const [, port, rest] = /^(\d+):(.*:.*)$/.exec(text) ?? [];
  const listen = { address: LOOPBACK, port: port === undefined ? 0 : parsePort(port, text) };
  return forwardTo(listen, rest ?? text, site);
}

/** ssh's form, with a path in place of the port too. Errors `target.malformed`, `address.malformed`. */
export function parseLocalForward(text: string, site: string | null = null): ForwardSpec {
  const [, path, pathRest] = /^(\/[^:]*):(.+)$/.exec(text) ?? [];
  if (path !== undefined && pathRest !== undefined) return forwardTo({ path }, pathRest, site);
  const [, short, shortRest] = /^(\d+):(.*:.*)$/.exec(text) ?? [];
  if (short !== undefined && shortRest !== undefined && !/^\d+:.*:/.test(shortRest)) {
    return forwardTo({ address: LOOPBACK, port: parsePort(short, text) }, shortRest, site);
  }
  const [, bind, port, rest] = /^(\[[^\]]*\]|[^:]*):(\d+):(.*)$/.exec(text) ?? [];
  if (bind === undefined || port === undefined || rest === undefined) {
    throw new TunnelError('address.malformed', `-L is not [BIND:]PORT:HOST:PORT: "${escapeText(text.slice(0, 80))}"`, {
      hint: 'For example: -L 8080:db.corp.example:5432',
    });
  }
  return forwardTo({ address: parseBind(bind, text), port: parsePort(port, text) }, rest, site);
}

/** Of -D and --http. Error `address.malformed`. */
export function parseProxy(protocol: Exclude<Protocol, 'tcp'>, listen: string): ForwardSpec {
  return { listen: parseListen(listen), protocol, target: ANY_TARGET };
}

/** `[BIND:]PORT`, loopback where nothing else is named, or `unix:/PATH`. Error `address.malformed`. */
export function parseListen(text: string): Listen {
  const [, path] = /^(?:unix:)?(\/.*[^/])$/.exec(text) ?? [];
  if (path !== undefined) return { path };
  const [, bind, port] = /^(?:(\[[^\]]*\]|[^:]*):)?(\d+)$/.exec(text) ?? [];
  if (port === undefined) throw malformed(text);
  return { address: bind === undefined ? LOOPBACK : parseBind(bind, text), port: parsePort(port, text) };
}

/** host:port with brackets around IPv6, or `unix:/PATH`. */
export function formatListen(listen: Listen): string {
  if ('path' in listen) return `unix:${listen.path}`;
  const { address, port } = listen;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Whether other machines can reach it. */
export function isPublic(listen: Listen): boolean {
  return 'address' in listen && !/^(127\.|::1$)/.test(listen.address);
}

function forwardTo(listen: Listen, target: string, site: string | null): ForwardSpec {
  return { listen, protocol: 'tcp', target: formatSitedTarget(parseSitedTarget(target, { site })) };
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
    hint: 'Write PORT, 127.0.0.1:PORT, [::1]:PORT or unix:/PATH, the port from 0 (chosen for you) to 65535.',
  });
}
