import { tcpRelay } from '../support/tcp-relay.ts';
import { linkContract } from './link-contract.ts';
import { networkContract } from './network-contract.ts';
import { credentials, testCa, world } from './quic-pair.ts';
import { listeningTls, tlsPair } from './tls-pair.ts';

linkContract('tls', tlsPair);
networkContract('tls', {
  async negotiate(t, offered, spoken) {
    const { ca, dial, nextLink } = await listeningTls(t, { credentials: await credentials((await testCa()).server, spoken) });
    const agent = await dial({ credentials: await credentials(await ca.agent(), offered) });
    return { agent, gateway: await nextLink() };
  },
  async fragile(t, liveness) {
    const { at, dial, nextLink } = await listeningTls(t, { liveness });
    const relay = await tcpRelay(t, at);
    const agent = await dial({ connect: (signal) => world.net.connect(relay.at, signal), liveness });
    return { agent, gateway: await nextLink(), silence: () => relay.silence() };
  },
});
