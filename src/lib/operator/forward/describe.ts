// What people are told of forwards: the line of one that can be used, and what happens to it later.
import type { LeaseEvent } from '../lease.ts';
import type { ReadyForward } from './start.ts';

/** What a proxy's line says in place of a target. */
const PROXIES: Readonly<Record<string, string>> = { socks5: 'any target (SOCKS5)', http: 'any target (HTTP proxy)' };

/** `127.0.0.1:51234 -> 10.0.0.5:3389 (agent web1)` */
export function forwardText({ listen, target, protocol, agent }: Omit<ReadyForward, 'shared'>): string {
  return `${listen} -> ${PROXIES[protocol] ?? `${target} (agent ${agent})`}`;
}

/** Undefined for what ends with an error, which says itself what happened. */
export function eventText(event: LeaseEvent): string | undefined {
  if (event.kind === 'lost') return `lost: ${event.error.message}; trying again`;
  if (event.kind === 'healed') return `back after ${(Math.round(event.outageMs) / 1000).toFixed(1)} s`;
  return event.kind === 'ends-soon' ? event.message : undefined;
}
