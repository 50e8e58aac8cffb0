// What an examination consists of: steps, each of which found something, in the time it took; and the one conclusion of them all.
import { type ErrorCode, TunnelError } from '../base/errors.ts';
import { escapeText } from '../base/escape.ts';
import type { Clock } from '../base/world.ts';
import { ownerOf } from './owner.ts';

/** Whose it is, to be put right. */
export const OWNERS = ['machine', 'network', 'gateway', 'policy', 'agent', 'target'] as const;
export type Owner = (typeof OWNERS)[number];
export const STATES = ['ok', 'warning', 'failed', 'skipped'] as const;
export type StepState = (typeof STATES)[number];

/** As `--json` prints it. */
export interface Step {
  readonly name: StepName;
  readonly owner: Owner;
  readonly state: StepState;
  /** Null where nothing was done. */
  readonly ms: number | null;
  /** Of a failure or a warning; null where it has none. */
  readonly code: ErrorCode | null;
  readonly message: string;
  /** What to do about it. */
  readonly hint: string | null;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** In the order in which a connection needs them. */
export const STEP_NAMES = [
  'login-file',
  'enrolment',
  'certificate',
  'ca',
  'server-certificate',
  'files',
  'disk',
  'store',
  'ports',
  'gateway-process',
  'service',
  'gateway-dns',
  'gateway-tcp',
  'clock',
  'gateway-tls',
  'gateway-ready',
  'udp',
  'agent-process',
  'login',
  'versions',
  'route',
  'policy',
  'link',
  'session',
  'edge',
  'agent',
  'agent-dns',
  'target-tcp',
  'first-bytes',
] as const;
export type StepName = (typeof STEP_NAMES)[number];

/** What a check found; `ok` where it says no state. */
export interface Finding {
  readonly state?: StepState;
  readonly owner?: Owner;
  readonly code?: ErrorCode;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly detail?: Readonly<Record<string, unknown>>;
  /** Where it is not the time that the check took. */
  readonly ms?: number | null | undefined;
}

/** The steps as they are made. */
export class Examination {
  readonly steps: Step[] = [];
  readonly #clock: Clock;
  readonly #onStep: (step: Step) => void;

  constructor(clock: Clock, onStep: (step: Step) => void) {
    this.#clock = clock;
    this.#onStep = onStep;
  }

  /** Runs one check; whether what comes after it can be had. A TunnelError that it throws is what it found; one of an abort is thrown on. */
  async check(name: StepName, owner: Owner, signal: AbortSignal, work: () => Promise<Finding> | Finding): Promise<boolean> {
    const began = this.#clock.monotonic();
    const found = await this.#find(owner, signal, work);
    return this.#add(name, owner, { ...found, ms: found.ms ?? this.#clock.monotonic() - began });
  }

  /** What is known from another step. */
  note(name: StepName, owner: Owner, found: Finding): void {
    this.#add(name, owner, { ms: null, ...found });
  }

  skip(name: StepName, owner: Owner, why: string): void {
    this.note(name, owner, { state: 'skipped', message: why });
  }

  async #find(owner: Owner, signal: AbortSignal, work: () => Promise<Finding> | Finding): Promise<Finding> {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      return failure(error, owner);
    }
  }

  #add(name: StepName, owner: Owner, { state = 'ok', code, message, hint, detail = {}, ms, ...found }: Finding): boolean {
    const rounded = ms === null || ms === undefined ? null : Math.round(ms * 10) / 10;
    const hinted = hint === undefined ? null : oneLine(hint);
    const step: Step = { name, owner: found.owner ?? owner, state, ms: rounded, code: code ?? null, message: oneLine(message), hint: hinted, detail };
    this.steps.push(step);
    this.#onStep(step);
    return state !== 'failed';
  }
}

/** A failure as a finding, its owner known by its code where that says it. */
export function failure(error: unknown, owner: Owner): Finding {
  if (!(error instanceof TunnelError)) throw error;
  const { code, message, hint } = error;
  return { state: 'failed', owner: ownerOf(error, owner), code, message, hint };
}

function oneLine(text: string): string {
  return escapeText(text.replaceAll('\n', ' '));
}
