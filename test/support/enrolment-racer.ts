// A process of its own on the store of a gateway, with control and API, as another gateway on it would be: enrols as often as it is told, when it is told.
import { buildApi } from '../../src/lib/gateway/control/http/server.ts';
import { bearerCalls } from '../../src/lib/gateway/control/http/who-calls.ts';
import { generateKeyPem } from '../../src/lib/pki/keys.ts';
import { silentLog } from '../../src/lib/system/log.ts';
import { realWorld } from '../../src/lib/system/real-world.ts';
import { controlOn } from './control-stand.ts';
import { requestBody } from './enrol-by-hand.ts';

/** `prepare` is answered by `ready`, `go` by the statuses, `close` by the end of the process. */
export type RacerOrder = { readonly prepare: { readonly token: string; readonly count: number } } | 'go' | 'close';

if (process.send !== undefined) {
  const tell = (message: unknown) => process.send?.(message);
  const { control, close } = await controlOn(process.argv[2] ?? '', realWorld({ log: silentLog }));
  const api = await buildApi(control.context, { whoCalls: bearerCalls(control.context) });
  let token = '';
  let bodies: string[] = [];
  process.on('message', async (order: RacerOrder) => {
    if (order === 'close') {
      await api[Symbol.asyncDispose]();
      await close();
      process.disconnect();
    } else if (order === 'go') {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const ask = (payload: string) => api.app.inject({ method: 'POST', url: '/jet/tunnel/enroll', headers, payload });
      tell((await Promise.all(bodies.map(ask))).map(({ statusCode }) => statusCode));
    } else {
      ({ token } = order.prepare);
      bodies = await Promise.all(Array.from({ length: order.prepare.count }, async () => requestBody(await generateKeyPem(), 'web1')));
      tell('ready');
    }
  });
  tell('ready');
}
