// What lock and unlock are told: a kind and a name.
import * as Args from '@oclif/core/args';
import type { LockKind } from '../api/locks.ts';

const KINDS = ['operator', 'agent', 'token', 'session'] as const satisfies readonly LockKind[];

export const lockArgs = {
  kind: Args.option({ description: 'What is meant.', options: KINDS, ignoreStdin: true })({ required: true }),
  name: Args.string({ description: 'Its name or id; of a session its id.', required: true, ignoreStdin: true }),
};
