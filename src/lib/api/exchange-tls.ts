// The API of a gateway over TLS: whom to trust, first contact by pin, and no credential before the other side has proved itself.
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, type TLSSocket, connect as tlsConnect } from 'node:tls';
import { TunnelError } from '../base/errors.ts';
import type { TcpSocket, World } from '../base/world.ts';
import { pinnedCertificate } from '../pki/pin.ts';
import { parseAddress } from '../routing/subnet.ts';
import { CaAnswer, PATHS } from './contract.ts';
import { type Exchange, httpExchange } from './exchange.ts';
import { readAnswer } from './read-answer.ts';

export type Trust = { readonly caPem: string } | { readonly pin: string } | 'system';

export interface TlsExchangeOptions {
  /** `https://host[:port][/prefix]`, IPv6 in brackets. */
  readonly url: string;
  /** A pin is exchanged for the CA at the first request (fetchPinnedCa). */
  readonly trust: Trust;
  /** Sent on verified connections only. */
  readonly bearer?: string;
}

type Reach = Pick<World, 'clock' | 'net'>;

/** Besides the errors of Exchange: `address.malformed` at once, for a URL that is not https. */
export function tlsExchange({ url, trust, bearer }: TlsExchangeOptions, world: Reach): Exchange {
  const place = parseUrl(url);
  let ca = trust !== 'system' && 'caPem' in trust ? trust.caPem : undefined;
  return async (request, signal) => {
    if (trust !== 'system' && 'pin' in trust) ca ??= await fetchPinnedCa(url, trust.pin, world, signal);
    const exchange = httpExchange({ ...place, connect: (abort) => connectTls(place, ca === undefined ? {} : { ca }, world, abort) }, world);
    return exchange({ ...request, headers: { ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }), ...request.headers } }, signal);
  };
}

/**
 * First contact (architecture.md, Trust): reads the CA without verification and without credentials. What comes back is only the
 * certificate that has the pinned key: whoever sits in between could add one of its own to the rest. Error `pin.mismatch`.
 */
export async function fetchPinnedCa(url: string, pin: string, world: Reach, signal: AbortSignal): Promise<string> {
  const place = parseUrl(url);
  const exchange = httpExchange({ ...place, connect: (abort) => connectTls(place, { rejectUnauthorized: false }, world, abort) }, world);
  const { ca_pem } = readAnswer(await exchange({ method: 'GET', path: PATHS.ca }, signal), CaAnswer, 'api');
  const pinned = pinnedCertificate(ca_pem, pin);
  if (pinned === undefined) {
    throw new TunnelError('pin.mismatch', `${url} is not the gateway that this string was made for`, {
      hint: 'Someone may answer in its place. If the gateway got a new CA, ask its administrator for a new string.',
    });
  }
  return pinned;
}

interface Place {
  readonly called: string;
  readonly host: string;
  readonly prefix: string;
  readonly hostname: string;
  readonly port: number;
}

function parseUrl(text: string): Place {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'https:' || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new TunnelError('address.malformed', `not the https address of a gateway: ${JSON.stringify(text.slice(0, 200))}`, {
      hint: 'Write https://host:port.',
    });
  }
  return {
    called: text,
    host: url.host,
    prefix: url.pathname.replace(/\/+$/, ''),
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? 443 : Number(url.port),
  };
}

async function connectTls(place: Place, trust: Pick<ConnectionOptions, 'ca' | 'rejectUnauthorized'>, world: Reach, signal: AbortSignal): Promise<Duplex> {
  const raw = await connectAny(place, world, signal);
  const { hostname } = place;
  // SNI is for names (RFC 6066, 3); `host` is what the certificate is held against.
  const named = parseAddress(hostname) === undefined ? { servername: hostname } : {};
  const socket = tlsConnect({ socket: raw, host: hostname, ...named, ALPNProtocols: ['http/1.1'], ...trust });
  socket.once('close', () => raw.destroy());
  try {
    await established(socket, signal);
    return socket;
  } catch (cause) {
    raw.destroy();
    socket.destroy();
    if (signal.aborted) throw signal.reason;
    throw socket.authorizationError ? refusedCertificate(place, socket) : unreachable(place, cause);
  }
}

async function connectAny({ called, hostname, port }: Place, { net }: Reach, signal: AbortSignal): Promise<TcpSocket> {
  let last: unknown;
  try {
    for (const { address } of await net.resolve(hostname, signal)) {
      try {
        return await net.connect({ address, port }, signal);
      } catch (cause) {
        last = cause;
        if (signal.aborted) break;
      }
    }
  } catch (cause) {
    last = cause;
  }
  if (signal.aborted) throw signal.reason;
  throw unreachable({ called }, last);
}

function established(socket: TLSSocket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    const ended = () => reject(new Error('the connection ended in the handshake'));
    const settle = (act: () => void) => {
      signal.removeEventListener('abort', abort);
      socket.off('secureConnect', secured).off('error', failed).off('close', ended);
      act();
    };
    const secured = () => settle(resolve);
    const failed = (error: Error) => settle(() => reject(error));
    signal.addEventListener('abort', abort, { once: true });
    socket.once('secureConnect', secured).once('error', failed).once('close', ended);
    socket.on('error', () => {}); // after the handshake the request hears of it
    if (signal.aborted) abort();
  });
}

function unreachable({ called }: Pick<Place, 'called'>, cause: unknown): TunnelError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new TunnelError('gateway.unreachable', `cannot reach the gateway ${called}: ${why}`, {
    hint: `Is it running, and can this machine reach ${called}?`,
    cause,
  });
}

function refusedCertificate({ called }: Place, socket: TLSSocket): TunnelError {
  return new TunnelError('certificate.refused', `the certificate of ${called} is not to be trusted: ${String(socket.authorizationError)}`, {
    hint: 'Use the address that the gateway was started with (--public-url), and check the clocks of both machines.',
  });
}
