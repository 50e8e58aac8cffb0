// `tunnel doctor`, all of it but its words: which steps there are on this machine, in which order, and what they come to.
import type { ApiClient } from '../api/client.ts';
import type { WhoamiAnswer } from '../api/contract.ts';
import { TunnelError } from '../base/errors.ts';
import { VERSION } from '../base/version.ts';
import type { World } from '../base/world.ts';
import { findCredentials } from '../operator/credentials.ts';
import type { Credentials } from '../operator/login-file.ts';
import { remoteClient } from '../operator/remote.ts';
import { checkAgentProcess, checkEnrolment } from './check-agent-folder.ts';
import { checkGatewayFolder } from './check-gateway-folder.ts';
import { checkService } from './check-service.ts';
import { type AskedTarget, checkTarget } from './check-target.ts';
import { checkUdp, checkWay, placeOf } from './check-way.ts';
import { conclude, type Verdict } from './conclude.ts';
import { Examination, type Finding, type Step } from './step.ts';

export interface Wish {
  readonly configDir: string;
  /** Of an agent or a gateway on this machine; undefined where this is about a login alone. */
  readonly dataDir: string | undefined;
  /** That it was named, so that nothing in it is a failure. */
  readonly dataDirGiven: boolean;
  readonly asked: AskedTarget | undefined;
}

/** As `--json` prints it. */
export interface Report extends Verdict {
  readonly steps: readonly Step[];
}

/** `onStep` hears each step when it is done. Rejects only when `signal` aborts, with its reason. */
export async function examine(wish: Wish, world: World, signal: AbortSignal, onStep: (step: Step) => void): Promise<Report> {
  const examination = new Examination(world.clock, onStep);
  const here = await roleOf(wish, world);
  if (here !== undefined) {
    const { role, dataDir } = here;
    if (role === 'gateway') await checkGatewayFolder(examination, dataDir, world, signal);
    else await examineAgent(examination, dataDir, world, signal);
    await checkService(examination, role, dataDir, world, signal);
  }
  // Whoever looks after a gateway or an agent on this machine need not be logged in.
  if (here === undefined || wish.asked !== undefined) await examineOperator(examination, wish, world, signal);
  return { ...conclude(examination.steps), steps: examination.steps };
}

/** What lies in the data folder. Named and empty, it is taken for that of an agent which is not enrolled. */
async function roleOf(
  { dataDir, dataDirGiven }: Wish,
  { files }: World,
): Promise<{ readonly role: 'agent' | 'gateway'; readonly dataDir: string } | undefined> {
  if (dataDir === undefined) return undefined;
  const names = await files.list(dataDir).catch((error: unknown): string[] => {
    if (dataDirGiven) throw error;
    return [];
  });
  if (names.includes('ca-cert.pem') || names.includes('gateway.json')) return { role: 'gateway', dataDir };
  return names.includes('agent.json') || dataDirGiven ? { role: 'agent', dataDir } : undefined;
}

async function examineAgent(examination: Examination, dataDir: string, world: World, signal: AbortSignal): Promise<void> {
  const way = await checkEnrolment(examination, dataDir, world, signal);
  if (way === undefined) return;
  await checkWay(examination, way.gateway, world, signal);
  if (way.udp === null) examination.skip('udp', 'network', 'the agent is set to use TLS');
  else await checkUdp(examination, way.quicEndpoint, false, way.udp, world, signal);
  await checkAgentProcess(examination, dataDir, world, signal);
}

async function examineOperator(examination: Examination, { configDir, asked }: Wish, world: World, signal: AbortSignal): Promise<void> {
  const credentials = await checkLoginFile(examination, configDir, world, signal);
  if (credentials === undefined) return;
  const { gateway: url, tls, ca_pem: caPem } = credentials;
  const there = await checkWay(examination, { url, caPem: tls === 'public' ? undefined : caPem }, world, signal);
  const client = await remoteClient(credentials, world, configDir);
  const known = there ? await checkLogin(examination, client, signal) : undefined;
  const { host, port } = placeOf(url);
  const guess = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  await checkUdp(examination, known?.quic_endpoint ?? guess, known?.quic_endpoint === undefined, 'not for this', world, signal);
  if (asked !== undefined && known !== undefined) await checkTarget(examination, asked, client, world, signal);
}

async function checkLoginFile(examination: Examination, configDir: string, world: World, signal: AbortSignal): Promise<Credentials | undefined> {
  let found: Credentials | undefined;
  await examination.check('login-file', 'machine', signal, async () => {
    found = await findCredentials(configDir, world.files);
    if (found === undefined)
      throw new TunnelError('login.missing', 'nobody is logged in on this machine', { hint: 'Ask for a login string, then: tunnel login --token-file FILE' });
    const { operator, kind, gateway, expires_at } = found;
    return { message: `${operator} at ${gateway} until ${expires_at}`, detail: { operator, kind, gateway, expires_at, config_dir: configDir } };
  });
  return found;
}

async function checkLogin(examination: Examination, client: ApiClient, signal: AbortSignal): Promise<WhoamiAnswer | undefined> {
  let known: WhoamiAnswer | undefined;
  await examination.check('login', 'machine', signal, async () => {
    known = await client.whoami(signal);
    const { operator, kind, agents, targets, expires_at } = known;
    return { message: `the gateway knows ${operator} (${kind})`, detail: { operator, kind, agents, targets, expires_at } };
  });
  if (known !== undefined) examination.note('versions', 'machine', judgeVersions(VERSION, known.version));
  return known;
}

/** Pure. Minor versions go together as long as the number before them is the same; before 1.0 that is the second one. */
export function judgeVersions(ours: string, theirs: string | undefined): Finding {
  const detail = { tunnel: ours, gateway: theirs ?? null };
  if (theirs === undefined)
    return { state: 'warning', message: `this is ${ours}, the gateway is older and does not say what it is`, hint: 'Update the gateway.', detail };
  if (line(ours) === line(theirs)) return { message: ours === theirs ? `both are ${ours}` : `this is ${ours}, the gateway ${theirs}`, detail };
  return {
    state: 'warning',
    message: `this is ${ours}, the gateway ${theirs}`,
    hint: 'Update the older of the two: what only one of them knows is refused.',
    detail,
  };
}

function line(version: string): string {
  const [major = '', minor = ''] = version.split('.');
  return major === '0' ? `0.${minor}` : major;
}
