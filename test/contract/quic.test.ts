import { udpProxy } from '../support/udp-proxy.ts';
import { linkContract } from './link-contract.ts';
import { networkContract } from './network-contract.ts';
import { credentials, listening, quicPair } from './quic-pair.ts';

linkContract('quic', quicPair);
networkContract('quic', {
  async negotiate(t, offered, spoken) {
    const { ca, listener, dial, nextLink } = await listening(t);
    listener.useCredentials(await credentials(ca.server, spoken));
    const agent = await dial({ credentials: await credentials(await ca.agent(), offered) });
    return { agent, gateway: await nextLink() };
  },
  async fragile(t, liveness) {
    const { listener, dial, nextLink } = await listening(t, { liveness });
    const proxy = await udpProxy(t, listener.at);
    const agent = await dial({ to: proxy.at, liveness });
    const silence = () => {
      proxy.pass = () => false;
    };
    return { agent, gateway: await nextLink(), silence };
  },
});
