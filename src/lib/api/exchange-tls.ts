// The API of a gateway over TLS: whom to trust, first contact by pin, and no credential before the other side has proved itself.
import type { Duplex } from 'node:stream';
import { TunnelError } from '../base/errors.ts';
import type { Clock } from '../base/world.ts';
import { pinnedCertificate } from '../pki/pin.ts';
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

/** The clock, and TLS to a host and port by whatever way leads there: `wayOut` of streams/dial-tls.ts, handed in because this folder knows the API alone. */
export interface Way {
  readonly clock: Clock;
  /** Errors gateway.unreachable, certificate.refused and those of a proxy; an abort rejects with the signal's reason. */
  dialTls(
    to: { readonly host: string; readonly port: number; readonly called: string },
    options: { readonly alpn: string; readonly ca?: string; readonly rejectUnauthorized?: boolean },
    signal: AbortSignal,
  ): Promise<Duplex>;
}

const ALPN = 'http/1.1';

/** Besides the errors of Exchange: `address.malformed` at once, for a URL that is not https. */
export function tlsExchange({ url, trust, bearer }: TlsExchangeOptions, way: Way): Exchange {
  const place = parseUrl(url);
  let ca = trust !== 'system' && 'caPem' in trust ? trust.caPem : undefined;
  return async (request, signal) => {
    if (trust !== 'system' && 'pin' in trust) ca ??= await fetchPinnedCa(url, trust.pin, way, signal);
    const tls = { alpn: ALPN, ...(ca !== undefined && { ca }) };
    const exchange = httpExchange({ ...place, connect: (abort) => way.dialTls(place.address, tls, abort) }, way);
    return exchange({ ...request, headers: { ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }), ...request.headers } }, signal);
  };
}

/**
 * First contact (architecture.md, Trust): reads the CA without verification and without credentials. What comes back is only the
 * certificate that has the pinned key: whoever sits in between could add one of its own to the rest. Error `pin.mismatch`.
 */
export async function fetchPinnedCa(url: string, pin: string, way: Way, signal: AbortSignal): Promise<string> {
  const place = parseUrl(url);
  const exchange = httpExchange({ ...place, connect: (abort) => way.dialTls(place.address, { alpn: ALPN, rejectUnauthorized: false }, abort) }, way);
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
  /** For the Host header. */
  readonly host: string;
  readonly prefix: string;
  readonly address: { readonly host: string; readonly port: number; readonly called: string };
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
    address: { host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port === '' ? 443 : Number(url.port), called: text },
  };
}
