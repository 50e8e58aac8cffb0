// An HTTP proxy for local clients: CONNECT and plain requests, each to its own target, which the agent resolves and the gateway's policy judges.
import { TunnelError } from '../../base/errors.ts';
import { escapeText } from '../../base/escape.ts';
import type { World } from '../../base/world.ts';
import { formatTarget, parseTarget } from '../../routing/target.ts';
import { refusalAnswer } from '../../streams/http-connect.ts';
import { serveHttpProxy } from '../../streams/http-proxy.ts';
import { carry, type Traffic } from './carry.ts';
import type { ConnectTarget, Serve } from './local.ts';

interface HttpProxyOptions {
  readonly connect: ConnectTarget;
  readonly traffic: Traffic;
  /** Told of each request that failed; the client is told too. */
  readonly onFailure: (error: unknown) => void;
}

export interface LocalHttpProxy {
  readonly serve: Serve;
  close(): void;
}

export function httpProxy({ connect, traffic, onFailure }: HttpProxyOptions, world: Pick<World, 'clock' | 'log'>): LocalHttpProxy {
  const proxy = serveHttpProxy(
    {
      async connect({ authority = '' }, signal) {
        const target = formatTarget(parseTarget(authority));
        const channel = await connect(target, signal);
        return { agent: channel.agent, carry: (client) => carry(client, channel, target, traffic).catch(onFailure) };
      },
      refuse(thrown) {
        const error =
          thrown instanceof TunnelError ? thrown : new TunnelError('internal', `the proxy failed: ${escapeText(String(thrown))}`, { cause: thrown });
        if (error.code !== 'interrupted') onFailure(error);
        const { status, headers } = refusalAnswer(error);
        const { 'proxy-authenticate': _challenge, ...told } = headers;
        // 407 would make a browser ask its user for a password that nobody has.
        return { status: status === 407 ? 403 : status, headers: told };
      },
    },
    world,
  );
  return {
    async serve(client) {
      proxy.take(client, { address: client.remoteAddress ?? '', port: client.remotePort ?? 0 });
      if (!client.closed) await new Promise((resolve) => client.once('close', resolve));
    },
    close: proxy.close,
  };
}
