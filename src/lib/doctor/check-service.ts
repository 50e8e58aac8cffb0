// Is the gateway or agent of this machine a service, so that it comes back with the machine?
import type { World } from '../base/world.ts';
import { describeService } from '../system/service/describe.ts';
import { managerFor } from '../system/service/manage.ts';
import type { Examination } from './step.ts';

export async function checkService(examination: Examination, role: 'agent' | 'gateway', dataDir: string, { files }: World, signal: AbortSignal): Promise<void> {
  await examination.check('service', 'machine', signal, async () => {
    const service = await describeService({ role, dataDir });
    const file = managerFor(process.platform, service)?.file;
    if (file === undefined || (await files.read(file)) === undefined)
      return { state: 'skipped', message: `none is called ${service.name}: it does not start with this machine; tunnel ${role} install makes one` };
    return { message: `${service.name}: ${file}`, detail: { name: service.name, file } };
  });
}
