// Endpoints of a gateway's configuration.
import { ConfigAnswer, ReloadAnswer } from '../config.ts';
import { PATHS } from '../contract.ts';
import type { Endpoint } from '../endpoint.ts';

export const configEndpoints = {
  config: { method: 'GET', path: PATHS.config, who: 'admin', summary: 'every setting in force, and where it comes from', answer: ConfigAnswer },
  reload: { method: 'POST', path: PATHS.reload, who: 'admin', summary: 'read the configuration again; a bad file changes nothing', answer: ReloadAnswer },
} as const satisfies Record<string, Endpoint>;
