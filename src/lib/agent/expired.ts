// When an identity is lost for good: its certificate has ended by this machine's clock, and the gateway refuses it. Either clock alone may be wrong.
import { TunnelError } from '../base/errors.ts';
import type { Clock } from '../base/world.ts';
import { certificateFacts } from '../pki/certificate-facts.ts';
import type { Installed } from './installed.ts';

/** `certificate.expired` where both agree, otherwise the error as it is. */
export function expiredOr(error: unknown, { config, identity }: Pick<Installed, 'config' | 'identity'>, clock: Pick<Clock, 'now'>): unknown {
  const { notAfter } = certificateFacts(identity.certificatePem);
  if (clock.now() < notAfter || !isRefusedByPeer(error)) return error;
  const message = `the certificate of ${config.name} ended at ${new Date(notAfter).toISOString()}, and ${config.gateway} refuses it`;
  const mint = `tunnel token mint --kind agent --name ${config.name} --replace`;
  return new TunnelError('certificate.expired', message, {
    hint: `Enrol again: ${mint} at the gateway, tunnel agent enroll --token-file FILE here.`,
    cause: error,
  });
}

function isRefusedByPeer(error: unknown): boolean {
  if (!(error instanceof TunnelError)) return false;
  return (error.remote && (error.code === 'certificate.refused' || error.code === 'agent.deleted')) || isRefusedByPeer(error.cause);
}
