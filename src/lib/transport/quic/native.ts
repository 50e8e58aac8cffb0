// Loads the QUIC engine when it is first needed, for dial and listen; where no binary exists, says so in our words.
import type { Quiche } from '@matrixai/quic/native/quiche.js';
import type { Config, Connection } from '@matrixai/quic/native/types.js';
import { TunnelError } from '../../base/errors.ts';

export type { Config as NativeConfig, Connection as NativeConnection, Quiche };

/** The engine's bindings. Error `quic.unavailable`, whose message names the platform: `no native binary for linux-arm64`. */
export async function loadQuiche(load: () => Promise<Quiche> = importQuiche, platform = `${process.platform}-${process.arch}`): Promise<Quiche> {
  try {
    return await load();
  } catch (cause) {
    // A libc that is too old or of another kind is the same to the reader: this binary does not run here.
    throw new TunnelError('quic.unavailable', `no native binary for ${platform}`, {
      hint: 'Use --transport auto or --transport tls; the QUIC engine exists for Linux x64 (glibc 2.34 or newer), macOS and Windows x64.',
      cause,
    });
  }
}

async function importQuiche(): Promise<Quiche> {
  const bindings = await import('@matrixai/quic/native/quiche.js');
  return bindings.default;
}
