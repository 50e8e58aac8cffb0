// May this channel be opened under the session material that control signed? Asked by the agent for every channel (B5, E1).
import { LIMITS } from '../base/limits.ts';
import { formatTarget, type Target } from '../routing/target.ts';
import { type PortRange, portAllowed } from './ports.ts';
import { mayReachTarget } from './target-scope.ts';

/** What a session grants, as its verified material says it. */
export interface ChannelTerms {
  /** Scopes of targets, a target itself among them; `*` is every target that ports and routes allow. */
  readonly targets: readonly string[];
  readonly ports: readonly PortRange[];
  readonly kinds: readonly string[];
  /** Wall-clock ms. */
  readonly expiresAt: number;
}

export type ChannelVerdict = { readonly allowed: true } | { readonly allowed: false; readonly reason: string };

/** `now` is wall-clock ms; two machines' clocks are never quite alike. */
export function judgeChannel({ targets, ports, kinds, expiresAt }: ChannelTerms, kind: string, target: Target, now: number): ChannelVerdict {
  const text = formatTarget(target);
  if (now - LIMITS.clockSkewMs >= expiresAt) return refuse(`the session material ended at ${utc(expiresAt)}, this machine's clock says ${utc(now)}`);
  if (!kinds.includes(kind)) return refuse(`the session grants no ${kind} channels`);
  if (!mayReachTarget(targets, target)) return refuse(`the session does not grant ${text}`);
  if (!portAllowed(ports, target.port)) return refuse(`the session does not grant port ${target.port}`);
  return { allowed: true };
}

function refuse(reason: string): ChannelVerdict {
  return { allowed: false, reason };
}

function utc(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? 'no time' : date.toISOString();
}
