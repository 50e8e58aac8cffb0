// The decision record (F1): how one request was routed and judged. The connection uses this very object; `route resolve`, errors and the audit log show it.
import type { ErrorCode } from '../base/errors.ts';

export type Rule = 'explicit' | 'subnet' | 'name' | 'wildcard' | 'suffix' | 'direct';

/**
 * Why a candidate stands where it stands. `usable` ones are tried in order. `withheld`: a more specific route is offline and lets no other
 * take its place.
 */
export type Standing = 'usable' | 'offline' | 'denied' | 'withheld';

export interface Candidate {
  readonly agent: string;
  readonly agent_id: string;
  /** The canonical target of the request, or the alternate that this one is for. */
  readonly target: string;
  /** The route that matched, as advertised: `10.0.0.0/24`, `*.corp.example`; null when an explicit agent has none for it. */
  readonly route: string | null;
  readonly rule: Rule;
  /** Of the agent. */
  readonly site: string | null;
  readonly standing: Standing;
  /** The policy line that judged it, in words. */
  readonly policy: string;
  /** What it failed this target with a moment ago; null when it did not. Then it is tried after the others. */
  readonly failed_lately: ErrorCode | null;
}

export type Decision =
  | { readonly via: 'agent'; readonly agent: string; readonly route: string | null; readonly rule: Rule }
  /** From the gateway itself, to these addresses, which were judged, in this order. */
  | { readonly via: 'direct'; readonly rule: 'direct'; readonly network: string; readonly addresses: readonly string[]; readonly policy: string }
  | { readonly via: 'none'; readonly code: ErrorCode; readonly reason: string };

/** What came of it, once tried. `address` is the very address that the agent judged and connected to, where it says so. */
export interface Outcome {
  readonly result: 'connected' | 'refused';
  readonly agent: string | null;
  readonly address: string | null;
  readonly code: string | null;
  readonly reason: string | null;
}

export interface DecisionRecord {
  /** The canonical target, `host:port` or `[v6]:port`. */
  readonly target: string;
  readonly operator: string | null;
  /** The agent that the request named, if it did. */
  readonly explicit_agent: string | null;
  /** The site that the target was asked at, if it was. */
  readonly site: string | null;
  /** Tried after the target, as they were asked for: `host:port` or `host:port@site`. */
  readonly alternates: readonly string[];
  readonly decision: Decision;
  readonly candidates: readonly Candidate[];
  readonly outcome: Outcome | null;
}
