// A gateway's data folder on this machine: its CA, its certificate, files, disk, database, ports, and how the running gateway fares.
import { apiClient } from '../api/client.ts';
import type { StatusAnswer } from '../api/contract.ts';
import { localExchange } from '../api/exchange-local.ts';
import { TunnelError } from '../base/errors.ts';
import { formatSize } from '../base/size.ts';
import type { SocketAddress, World } from '../base/world.ts';
import { parseListen } from '../gateway/addresses.ts';
import { checkGatewayStore } from '../gateway/backup.ts';
import { readConfig } from '../gateway/config-file.ts';
import { type DataFolder, dataFolder } from '../gateway/data-folder.ts';
import { certificateFacts } from '../pki/certificate-facts.ts';
import { probeQuic } from '../transport/quic/probe.ts';
import { judgeCertificate } from './judge-certificate.ts';
import type { Examination, Finding } from './step.ts';

const LITTLE_BYTES = 256 * 1024 ** 2;
const NOTHING_BYTES = 16 * 1024 ** 2;
const UDP_WAIT_MS = 2000;

export async function checkGatewayFolder(examination: Examination, dataDir: string, world: World, signal: AbortSignal): Promise<void> {
  const folder = dataFolder(dataDir);
  const { clock, files } = world;
  await examination.check('ca', 'machine', signal, async () => {
    const pem = await files.read(folder.caCertificate);
    if (pem === undefined) throw new TunnelError('ca.missing', `${dataDir} holds no CA`, { hint: `tunnel ca init --data-dir '${dataDir}'` });
    return judgeCertificate(factsOf(pem, folder.caCertificate), clock.now(), `tunnel ca rotate --data-dir '${dataDir}'`);
  });
  await examination.check('files', 'machine', signal, async () => {
    for (const path of [folder.caKey, folder.signingKeys, folder.secrets, folder.serverKey, folder.config]) await files.readSecret(path);
    for (const suffix of ['', '-wal', '-shm']) await files.judgePrivate(folder.database + suffix);
    await files.makePrivateDirectory(dataDir); // judges the one that is there
    return { message: 'closed to all but their owner' };
  });
  await examination.check('server-certificate', 'machine', signal, async () => {
    const pem = await files.read(folder.serverCertificate);
    if (pem === undefined) return { state: 'skipped', message: 'made at the first start' };
    return judgeCertificate(factsOf(pem, folder.serverCertificate), clock.now(), 'A running gateway renews it by itself; start it.');
  });
  await examination.check('disk', 'machine', signal, async () => judgeRoom(await files.freeBytes(dataDir)));
  await examination.check('store', 'machine', signal, async () => {
    const { version } = await checkGatewayStore(dataDir, world);
    return { message: `sound, schema ${version}`, detail: { schema: version } };
  });
  const status = await askGateway(examination, folder, world, signal);
  await checkPorts(examination, folder, status, world, signal);
}

function factsOf(pem: Uint8Array, path: string) {
  try {
    return certificateFacts(pem);
  } catch (cause) {
    throw new TunnelError('file.corrupt', `${path} is not a certificate`, { hint: 'Restore it from a backup.', cause });
  }
}

/** Pure: for the test. */
export function judgeRoom(freeBytes: number): Finding {
  const detail = { free_bytes: freeBytes };
  const message = `${formatSize(freeBytes)} free`;
  const hint = 'Free some space: without it nothing is recorded, and what is not recorded does not begin.';
  if (freeBytes < NOTHING_BYTES) return { state: 'failed', code: 'file.failed', message, hint, detail };
  return freeBytes < LITTLE_BYTES ? { state: 'warning', code: 'file.failed', message, hint, detail } : { message, detail };
}

async function askGateway(
  examination: Examination,
  { controlSocket, directory }: DataFolder,
  world: World,
  signal: AbortSignal,
): Promise<StatusAnswer | undefined> {
  let status: StatusAnswer | undefined;
  await examination.check('gateway-process', 'gateway', signal, async () => {
    try {
      (await world.net.connect({ path: controlSocket }, signal)).destroy();
    } catch {
      signal.throwIfAborted();
      const hint = `tunnel gateway start --data-dir '${directory}'; its log says why it ended.`;
      return { state: 'failed', code: 'gateway.unreachable', message: 'no gateway runs on this folder', hint };
    }
    status = await apiClient(localExchange(controlSocket, world)).status(signal);
    return judgeStatus(status);
  });
  return status;
}

function judgeStatus({ state, version, url, agents_online: agents, channels, edge, pid, uptime_seconds: uptime }: StatusAnswer): Finding {
  const detail = { state, version, url, agents_online: agents, channels, pid, uptime_seconds: uptime, edge: edge ?? null };
  const message = `${state} ${version} at ${url}, ${agents} agents online`;
  if (edge?.pid === null)
    return {
      state: 'failed',
      code: 'gateway.unreachable',
      message: `${message}, but its edge is down: ${edge.last_loss ?? 'it has not started'}`,
      hint: 'It is started again by itself; the log of the gateway says why it ends.',
      detail,
    };
  if (state === 'draining') return { state: 'warning', code: 'gateway.stopping', message, hint: 'Nothing new begins until it is started again.', detail };
  if (edge !== undefined && edge.restarts > 0)
    return {
      state: 'warning',
      message: `${message}; its edge was replaced ${edge.restarts} times, last: ${edge.last_loss}`,
      hint: 'tunnel audit --code edge shows when.',
      detail,
    };
  return { message, detail };
}

/** Of a running gateway: do they answer? Else: could it have them? */
async function checkPorts(
  examination: Examination,
  { config }: DataFolder,
  status: StatusAnswer | undefined,
  world: World,
  signal: AbortSignal,
): Promise<void> {
  await examination.check('ports', 'machine', signal, async (): Promise<Finding> => {
    if (status !== undefined) {
      const [tcp, udp] = [onThisMachine(status.tcp), onThisMachine(status.udp)];
      (await world.net.connect(tcp, signal)).destroy();
      const ms = await probeQuic(udp, UDP_WAIT_MS, world, signal);
      const detail = { tcp: status.tcp, udp: status.udp };
      if (ms !== undefined) return { message: `TCP ${status.tcp} and UDP ${status.udp} answer`, detail };
      return {
        state: 'failed',
        code: 'udp.blocked',
        message: `UDP ${status.udp} does not answer here`,
        hint: "Does this machine's own firewall drop it? Agents over TLS are not touched.",
        detail,
      };
    }
    const stored = await readConfig(config, world.files);
    if (stored === undefined) return { state: 'skipped', message: 'none before the first start' };
    const listener = await world.net.listen(parseListen(stored.listen, 'listen'), (socket) => socket.destroy());
    await listener.close();
    return { message: `${stored.listen} is free`, detail: { tcp: stored.listen } };
  });
}

/** A wildcard listens on loopback too. */
function onThisMachine(listen: string): SocketAddress {
  const { address, port } = parseListen(listen, 'listen');
  return { address: address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address, port };
}
