// A session in use: granted by the gateway, kept renewed, with its way to the edge. What `connect` stands on, for ports and for --stdio.
import type { SessionGrant, SessionRequest } from '../api/contract.ts';
import { TunnelError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import { tuneHeapForBytes } from '../system/heap-for-bytes.ts';
import { createConnector } from './connector.ts';
import type { ConnectTarget } from './forward/local.ts';
import { OperatorSession, type SessionApi } from './session.ts';
import { SessionEnd } from './session-end.ts';
import { tryFor } from './try-for.ts';

export interface LeaseOptions {
  readonly api: SessionApi;
  readonly request: SessionRequest;
  /** How long to try again while agent or gateway are not there yet. */
  readonly waitMs: number;
}

export interface Lease extends AsyncDisposable {
  readonly grant: SessionGrant;
  readonly connect: ConnectTarget;
  /** Rejects when the gateway has ended the session for good or says that this operator may not any more; resolves when the lease is given up. */
  readonly ended: Promise<void>;
}

/** Resolves when the first channel can be opened. Errors of the API and of `dialEdge`. */
export async function startLease({ api, request, waitMs }: LeaseOptions, world: World, signal: AbortSignal): Promise<Lease> {
  await using starting = new AsyncDisposableStack();
  tuneHeapForBytes();
  const session = await tryFor(waitMs, () => OperatorSession.open(api, request, world, signal), world.clock, signal);
  const giveUp = new AbortController();
  const end = new SessionEnd(() => session.renew(giveUp.signal), world);
  const ways = { connect: session.grant.connect, caPem: () => session.grant.ca_pem, token: () => session.grant.token };
  const connector = starting.use(createConnector({ ...ways, onNotice: end.hear }, world));
  await connector.ready(signal);

  const open: ConnectTarget = async (target, channelSignal) => {
    try {
      return await connector.connectTarget(target, channelSignal);
    } catch (error) {
      if (!(error instanceof TunnelError) || error.code !== 'session.refused') throw error;
      await session.renew(channelSignal); // it ran out, after a sleep of this machine for example
      return await connector.connectTarget(target, channelSignal);
    }
  };
  const connect: ConnectTarget = async (target, channelSignal) =>
    Object.assign(await open(target, channelSignal), { whyCut: (cause: unknown) => end.whyCut(cause) });

  starting.defer(() => giveUp.abort());
  const ended = Promise.race([session.keepRenewed(giveUp.signal), end.over]);
  ended.catch(() => {}); // whoever waits for it hears of it
  const running = starting.move();
  return { grant: session.grant, connect, ended, [Symbol.asyncDispose]: () => running.disposeAsync() };
}
