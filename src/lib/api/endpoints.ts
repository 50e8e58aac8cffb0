// Every endpoint of a gateway in one table: method, path, who may ask, what comes in, what goes out, with which statuses. One file a resource.
import type { Endpoint } from './endpoint.ts';
import { agentEndpoints } from './endpoints/agents.ts';
import { auditEndpoints } from './endpoints/audit.ts';
import { caEndpoints } from './endpoints/ca.ts';
import { configEndpoints } from './endpoints/config.ts';
import { healthEndpoints } from './endpoints/health.ts';
import { lockEndpoints } from './endpoints/locks.ts';
import { loginEndpoints } from './endpoints/logins.ts';
import { policyEndpoints } from './endpoints/policy.ts';
import { sessionEndpoints } from './endpoints/sessions.ts';
import { STOCK_ENDPOINTS } from './endpoints/stock.ts';
import { tokenEndpoints } from './endpoints/tokens.ts';
import { tunnelEndpoints } from './endpoints/tunnels.ts';

export const ENDPOINTS: readonly Endpoint[] = [
  healthEndpoints,
  configEndpoints,
  caEndpoints,
  loginEndpoints,
  tokenEndpoints,
  agentEndpoints,
  sessionEndpoints,
  tunnelEndpoints,
  lockEndpoints,
  policyEndpoints,
  auditEndpoints,
  ...STOCK_ENDPOINTS,
].flatMap((endpoints): readonly Endpoint[] => Object.values(endpoints));
