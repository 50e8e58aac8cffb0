// Sessions on demand and tunnels, for programs of others.
import { tunnelEndpoints } from '../../../api/endpoints/tunnels.ts';
import type { ControlContext } from '../context.ts';
import { closeDemanded, openDemanded, showDemanded } from '../demanded-session.ts';
import { connectTunnel, disconnectTunnel, showTunnel } from '../tunnels.ts';
import type { Answering } from './answering.ts';

export function tunnelsRoutes(answer: Answering, context: ControlContext): void {
  answer(tunnelEndpoints.tunnelOpen, ({ caller, body }) => openDemanded(context, caller, body.agent_id));
  answer(tunnelEndpoints.tunnelClose, ({ caller, body }) => closeDemanded(context, caller, body.session_id, body.agent_id));
  answer(tunnelEndpoints.tunnelStatus, ({ caller, params }) => showDemanded(context, caller, params.id));
  answer(tunnelEndpoints.connectTunnel, ({ caller, body }) => connectTunnel(context, caller, body));
  answer(tunnelEndpoints.showTunnel, ({ caller, query }) => showTunnel(context, caller, query));
  answer(tunnelEndpoints.disconnectTunnel, ({ caller, query, body }) => disconnectTunnel(context, caller, [query, body]));
}
