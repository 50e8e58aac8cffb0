// Shows the whole thing on one machine.
import * as Flags from '@oclif/core/flags';
import { TunnelCommand } from '../lib/cli/command.ts';
import type { EventShapes, ResultShape, Shapes } from '../lib/cli/shape.ts';
import type { QuickstartResult } from '../lib/quickstart/quickstart.ts';

const quickstartShape = ({ z }: Shapes) =>
  z.object({
    answer: z.string(),
    milliseconds: z.number(),
    request_milliseconds: z.number(),
    target: z.string(),
    listen: z.string(),
    gateway: z.string(),
    agent: z.string(),
    transport: z.string(),
    data_dir: z.string(),
    next: z.array(z.string()),
  });

export default class Quickstart extends TunnelCommand<QuickstartResult | undefined> {
  static override summary = 'Try it all on this machine: CA, gateway, agent and a demo target, and one answer through them.';
  static override description =
    'Everything is real and on ports that the system chooses. Nothing is left behind; --keep leaves it running until it is interrupted.';
  static override examples = [
    '<%= config.bin %> quickstart\n"Hello from behind the tunnel." came from 127.0.0.1:40123 through agent quickstart over quic\n  612 ms from nothing to the answer, 9 ms of them for the request\n...',
    '<%= config.bin %> quickstart --keep',
  ];
  static override flags = {
    keep: Flags.boolean({ summary: 'Leave it running until interrupted; with --json the result is the ready event.' }),
  };
  static override result: ResultShape<QuickstartResult> = quickstartShape;
  static override events: EventShapes = (shapes) => ({ ready: quickstartShape(shapes) });

  async run(): Promise<QuickstartResult | undefined> {
    const { flags } = await this.parse(Quickstart);
    const { quickstart } = await import('../lib/quickstart/quickstart.ts');
    await using running = await quickstart({ keep: flags.keep }, await this.world(), this.interrupts.signal);
    this.endsBySignal = flags.keep;
    const { result } = running;
    const told = [
      `"${result.answer}" came from ${result.target} through agent ${result.agent} over ${result.transport}`,
      `  ${result.milliseconds} ms from nothing to the answer, ${result.request_milliseconds} ms of them for the request`,
      `  gateway ${result.gateway}, forward ${result.listen}, state in ${result.data_dir}`,
      flags.keep ? 'It runs until Ctrl-C. Next, in another terminal:' : 'All of it is gone again. Next:',
      ...result.next.map((command) => `  ${command}`),
    ];
    this.log(...told);
    if (!flags.keep) return result;
    this.event({ event: 'ready', ...result });
    await this.interrupts.wait();
    return undefined;
  }
}
