// What anybody may ask: is it alive, is it ready; and for admins, how it stands, and its last duty.
import type { FastifyInstance } from 'fastify';
import { type DrainAnswer, DrainRequest, PATHS, type StatusAnswer } from '../../../api/contract.ts';
import { VERSION } from '../../../base/version.ts';
import { assertAdmin } from '../caller.ts';
import { assertServing, type ControlContext } from '../context.ts';
import { drain } from '../drain.ts';
import { readAs } from './json-body.ts';
import type { WhoCalls } from './who-calls.ts';

export function healthRoutes(app: FastifyInstance, context: ControlContext, whoCalls: WhoCalls): void {
  app.get(PATHS.livez, async () => ({ live: true }));

  app.get(PATHS.readyz, async () => {
    assertServing(context);
    context.draining.assertServing();
    await context.store.settings.get('ready');
    return { ready: true };
  });

  app.post(PATHS.drain, async (request): Promise<DrainAnswer> => {
    const caller = assertAdmin(await whoCalls(request));
    return drain(context, caller, readAs(DrainRequest, request.body).grace_ms);
  });

  app.get(PATHS.status, async (request): Promise<StatusAnswer> => {
    assertAdmin(await whoCalls(request));
    const { places, tcp, udp, proxy, since, edgeStatus } = assertServing(context);
    const now = context.world.clock.monotonic();
    const edge = edgeStatus();
    return {
      state: context.draining.begun ? 'draining' : 'running',
      version: VERSION,
      url: places.url,
      tcp,
      udp,
      proxy,
      agents_online: context.registry.all().filter(({ online }) => online).length,
      channels: context.sessions.channels,
      pid: process.pid,
      uptime_seconds: (now - since) / 1000,
      edge: {
        pid: edge.pid,
        uptime_seconds: edge.pid === null ? 0 : (now - edge.since) / 1000,
        memory_bytes: edge.memoryBytes,
        late_ms: edge.lateMs,
        restarts: edge.restarts,
        last_loss: edge.lastLoss,
      },
    };
  });
}
