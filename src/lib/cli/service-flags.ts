// Flags of the commands that install and remove services, said once.
import * as Flags from '@oclif/core/flags';
import { dataDirFlag } from './global-flags.ts';

export const serviceFlags = {
  ...dataDirFlag,
  name: Flags.string({ summary: 'Name of the service, for a second one on this machine.', helpValue: 'NAME' }),
};

export const installFlags = {
  ...serviceFlags,
  start: Flags.boolean({ summary: 'Start it now; --no-start leaves that to the next boot.', default: true, allowNo: true }),
};
