// An agent's data folder on this machine: enrolment, certificate, files, and how the running agent fares.
import { askStatus } from '../agent/ask-agent.ts';
import { Installed } from '../agent/installed.ts';
import { TunnelError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import { certificateFacts } from '../pki/certificate-facts.ts';
import type { KnownGateway, UdpNeed } from './check-way.ts';
import { judgeCertificate } from './judge-certificate.ts';
import type { Examination, Finding } from './step.ts';

/** What its configuration says of the way to its gateway. */
export interface AgentsWay {
  readonly gateway: KnownGateway;
  readonly quicEndpoint: string;
  /** Null: it is set to use TLS alone. */
  readonly udp: UdpNeed | null;
}

/** Undefined where nothing usable is enrolled. */
export async function checkEnrolment(examination: Examination, dataDir: string, world: World, signal: AbortSignal): Promise<AgentsWay | undefined> {
  let installed: Installed | undefined;
  await examination.check('enrolment', 'machine', signal, async () => {
    installed = await Installed.open(dataDir, world); // judges the modes of all it reads
    const { name, agent_id, gateway, transport = 'auto', identity } = installed.config;
    return { message: `${name} (${agent_id}) of ${gateway}`, detail: { name, agent_id, gateway, transport, identity } };
  });
  if (installed === undefined) return undefined;
  const { config, identity } = installed;
  await examination.check('certificate', 'machine', signal, () =>
    judgeCertificate(
      certificateFacts(identity.certificatePem),
      world.clock.now(),
      'A running agent renews it by itself, or at once with tunnel agent renew; one that has ended needs a new string: tunnel token mint --kind agent --replace.',
    ),
  );
  const { transport = 'auto' } = config;
  return {
    gateway: { url: config.gateway, caPem: config.tls === 'public' ? undefined : identity.trustedCaPem },
    quicEndpoint: config.quic_endpoint,
    udp: transport === 'tls' ? null : transport === 'quic' ? 'quic only' : 'quic first',
  };
}

/** Behind the way, which may be the reason for what it finds. */
export async function checkAgentProcess(examination: Examination, dataDir: string, world: World, signal: AbortSignal): Promise<void> {
  await examination.check('agent-process', 'machine', signal, async (): Promise<Finding> => {
    try {
      const { state, transport, reason, since, links, last_error: last, routes, pid } = await askStatus(dataDir, world, signal);
      const detail = { state, transport, reason, since, links: links.length, last_error: last, routes, pid };
      if (state !== 'online') {
        const why = last === null ? '' : `: ${last.message} (${last.code})`;
        return {
          state: 'failed',
          owner: 'network',
          code: 'agent.offline',
          message: `it runs and is not linked${why}`,
          hint: 'What comes before this step says what is in its way.',
          detail,
        };
      }
      const over = `online over ${transport}${reason === null ? '' : ` (${reason})`}${since === null ? '' : ` since ${since}`}`;
      return { message: routes.length === 0 ? `${over}, with no route` : over, detail };
    } catch (error) {
      if (!(error instanceof TunnelError) || error.code !== 'agent.offline') throw error;
      return { state: 'failed', owner: 'machine', code: error.code, message: 'no agent runs on this folder', hint: error.hint };
    }
  });
}
