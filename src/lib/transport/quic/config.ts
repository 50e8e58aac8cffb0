// Every knob of the QUIC engine, set once for each connection, for dial and listen.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { TunnelError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { LinkCredentials } from '../link.ts';
import { NOTICE_STREAMS, NOTICE_WINDOW_BYTES } from './ends-stream.ts';
import type { NativeConfig, Quiche } from './native.ts';
import { FIRST_STREAM_WINDOW } from './windows.ts';

const LARGEST_UDP_PAYLOAD = 65_527; // RFC 9000 18.2: what we take; the sender chooses by its path
// The engine (quiche 0.18) renews connection credit only when the unread bytes of ALL streams are below half of a window that starts at 48 KiB: one
// stopped reader would stall every other stream for good once the first credit is spent. So the connection's credit never binds; the streams' do.
const CONNECTION_CREDIT = 2 ** 52;
// Measured (docs/performance.md, Bad networks): at 20 % loss CUBIC and Reno carry 16 MiB in no less than 15 s, BBR in 1 to 4.
// The engine counts congestion windows in the largest packet it may send: so its first window is 40 packets, and BBR never goes below 16.
const WINDOW_UNIT_PACKETS = 4;
const SIGNATURES = [
  'ecdsa_secp256r1_sha256',
  'ecdsa_secp384r1_sha384',
  'ed25519',
  'rsa_pss_rsae_sha256',
  'rsa_pss_rsae_sha384',
  'rsa_pss_rsae_sha512',
  'rsa_pkcs1_sha256',
].join(':');

export interface ConnectionSettings {
  readonly credentials: LinkCredentials;
  /** Streams that the peer may have open. Announced before ALPN is known, so it cannot depend on the version. */
  readonly incomingStreams: number;
  readonly packetBytes: number;
  /** Listeners only: the stateless reset token of this very connection, hence one config a connection. */
  readonly resetToken?: bigint;
}

/** Before the first connection: the engine itself would find a key of another certificate only at a handshake. Error `config.invalid`. */
export function checkCredentials(quiche: Quiche, credentials: LinkCredentials): void {
  try {
    makeConfig(quiche, { credentials, incomingStreams: 1, packetBytes: 1200 });
    if (new X509Certificate(credentials.certificatePem).checkPrivateKey(createPrivateKey(credentials.privateKeyPem))) return;
  } catch (cause) {
    throw new TunnelError('config.invalid', 'the certificate, its key or the CA cannot be used', { cause });
  }
  throw new TunnelError('config.invalid', 'the private key is not the key of the certificate');
}

/** Throws what the engine says of a certificate or key that it cannot read. */
export function makeConfig(quiche: Quiche, { credentials, incomingStreams, packetBytes, resetToken }: ConnectionSettings): NativeConfig {
  const pem = (text: string) => Buffer.from(text);
  const config = quiche.Config.withBoringSslCtx(
    true,
    false,
    pem(credentials.trustedCaPem),
    [pem(credentials.privateKeyPem)],
    [pem(credentials.certificatePem)],
    SIGNATURES,
  );
  config.setApplicationProtos([...credentials.alpn]);
  config.grease(false);
  config.setMaxIdleTimeout(LIMITS.idleTimeoutMs);
  config.setMaxRecvUdpPayloadSize(LARGEST_UDP_PAYLOAD);
  config.setMaxSendUdpPayloadSize(Math.min(LARGEST_UDP_PAYLOAD, packetBytes * WINDOW_UNIT_PACKETS)); // the loop sends no packet above packetBytes
  config.setInitialMaxData(CONNECTION_CREDIT);
  config.setMaxConnectionWindow(CONNECTION_CREDIT);
  config.setInitialMaxStreamDataBidiLocal(FIRST_STREAM_WINDOW);
  config.setInitialMaxStreamDataBidiRemote(FIRST_STREAM_WINDOW);
  config.setMaxStreamWindow(LIMITS.streamBufferBytes);
  config.setInitialMaxStreamDataUni(NOTICE_WINDOW_BYTES);
  config.setInitialMaxStreamsBidi(incomingStreams);
  config.setInitialMaxStreamsUni(NOTICE_STREAMS);
  config.setDisableActiveMigration(true);
  config.enableDgram(false, 0, 0);
  config.setCcAlgorithm(quiche.CongestionControlAlgorithm.BBR);
  config.enablePacing(false); // the binding hides when a packet should leave
  if (resetToken !== undefined) config.setStatelessResetToken(resetToken);
  return config; // early data stays off: replay
}
