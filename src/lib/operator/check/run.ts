// Runs smoke tests through the tunnel, some at once, and says of each what came of it.
import { within } from '../../base/deadline.ts';
import { formatDuration } from '../../base/duration.ts';
import { TunnelError } from '../../base/errors.ts';
import type { World } from '../../base/world.ts';
import { runCommand } from '../forward/command.ts';
import { parseForward } from '../forward/spec.ts';
import { startForwards } from '../forward/start.ts';
import { openRemote } from '../remote.ts';
import type { SessionApi } from '../session.ts';
import { startLease } from '../start-lease.ts';
import type { SmokeCheck } from './file.ts';
import { expectBanner, expectHttp } from './probe.ts';

export interface CheckResult {
  readonly name: string;
  readonly target: string;
  readonly passed: boolean;
  /** Who carried it; null where nobody did. */
  readonly agent: string | null;
  /** Until it was decided. */
  readonly ms: number;
  /** Why it failed, in words. */
  readonly reason: string | null;
  /** The error code of what could not be reached, expected or not. */
  readonly code: string | null;
}

/** Enough to be quick, few enough that times mean something. */
const AT_ONCE = 4;

/** In the order of the file. Errors `login.missing`, and an abort's reason: everything else is a result. */
export async function runChecks(configDir: string, checks: readonly SmokeCheck[], world: World, signal: AbortSignal): Promise<CheckResult[]> {
  const { client } = await openRemote(configDir, world);
  const results: CheckResult[] = [];
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < checks.length; index = next++) {
      const check = checks[index];
      if (check) results[index] = await runOne(client, check, world, signal);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, checks.length) }, worker));
  return results;
}

async function runOne(api: SessionApi, check: SmokeCheck, world: World, signal: AbortSignal): Promise<CheckResult> {
  const { name, target, withinMs, reachable } = check;
  const began = world.clock.monotonic();
  const seen: { agent: string | null } = { agent: null };
  const late = () => new TunnelError('timeout', `not done within ${formatDuration(withinMs)}`);
  const result = (passed: boolean, reason: string | null, code: string | null = null): CheckResult => ({
    name,
    target,
    passed,
    agent: seen.agent,
    ms: Math.round(world.clock.monotonic() - began),
    reason,
    code,
  });
  try {
    await within(world.clock, withinMs, late, signal, (limit) => ask(api, check, seen, world, limit));
    return reachable ? result(true, null) : result(false, 'it can be reached');
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    const { code, message } = error instanceof TunnelError ? error : { code: 'internal', message: String(error) };
    const expected = !reachable && (check.code === undefined || check.code === code);
    return result(expected, expected ? null : `${message} (${code})`, code);
  }
}

async function ask(api: SessionApi, check: SmokeCheck, seen: { agent: string | null }, world: World, signal: AbortSignal): Promise<void> {
  const { target, via, agent, banner, http, command, exit } = check;
  const asAsked = via === undefined ? {} : { agent: via };
  if (command !== undefined) {
    const specs = [parseForward(target)] as const;
    await using forwards = await startForwards({ api, specs, waitMs: 0, onFailure: () => {}, ...asAsked }, world, signal);
    seen.agent = forwards.ready[0]?.agent ?? null;
    judgeAgent(agent, seen.agent);
    const code = await runCommand(command, forwards, world.clock, signal, 'to stderr');
    if (code !== exit) throw new TunnelError('check.failed', `${command[0]} ended with exit code ${code}, not ${exit}`);
    return;
  }
  await using lease = await startLease({ api, request: { targets: [target], ...asAsked }, waitMs: 0 }, world, signal);
  const channel = await lease.connect(target, signal);
  channel.on('error', () => {}); // what matters of it comes from the probe
  try {
    seen.agent = channel.agent;
    judgeAgent(agent, channel.agent);
    if (banner !== undefined) await expectBanner(channel, banner, signal);
    if (http !== undefined) await expectHttp(channel, target, http, signal);
  } finally {
    channel.destroy();
  }
}

function judgeAgent(wanted: string | undefined, carried: string | null): void {
  if (wanted !== undefined && wanted !== carried) throw new TunnelError('check.failed', `agent ${carried} carries it, not ${wanted}`);
}
