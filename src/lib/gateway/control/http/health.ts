// What anybody may ask: is it alive, is it ready; and for admins, how it stands, and its last duty.
import type { StatusAnswer } from '../../../api/contract.ts';
import { healthEndpoints } from '../../../api/endpoints/health.ts';
import type { OpenApi } from '../../../api/openapi.ts';
import { VERSION } from '../../../base/version.ts';
import { assertServing, type ControlContext } from '../context.ts';
import { drain } from '../drain.ts';
import type { Metrics } from '../metrics.ts';
import { readinessOf } from '../ready.ts';
import type { Answering } from './answering.ts';

export function healthRoutes(answer: Answering, context: ControlContext): void {
  const ready = readinessOf(context);
  let metrics: Promise<Metrics> | undefined;
  let document: Promise<OpenApi> | undefined;

  answer(healthEndpoints.livez, () => ({ live: true as const }));

  answer(healthEndpoints.readyz, async () => {
    await ready();
    return { ready: true as const };
  });

  answer(healthEndpoints.openapi, () => (document ??= import('../../../api/openapi.ts').then(({ openapi }) => openapi())));

  answer(healthEndpoints.metrics, async () => {
    metrics ??= import('../metrics.ts').then(({ metricsOf }) => metricsOf(context));
    return (await metrics).text();
  });

  answer(healthEndpoints.drain, ({ caller, body }) => drain(context, caller, body.grace_ms));

  answer(healthEndpoints.status, () => statusOf(context));
}

function statusOf(context: ControlContext): StatusAnswer {
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
    uptime_seconds: Math.round(now - since) / 1000,
    edge: {
      pid: edge.pid,
      uptime_seconds: edge.pid === null ? 0 : Math.round(now - edge.since) / 1000,
      memory_bytes: edge.memoryBytes,
      late_ms: edge.lateMs,
      restarts: edge.restarts,
      last_loss: edge.lastLoss,
    },
  };
}
