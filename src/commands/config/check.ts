// Judges configuration files without changing anything.
import * as Args from '@oclif/core/args';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { dataDirFlag } from '../../lib/cli/global-flags.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';
import { checkFile, checkFolder, type JudgedFile } from '../../lib/settings/check.ts';

export default class CheckConfig extends TunnelCommand<{ files: readonly JudgedFile[] }> {
  static override summary = "Say whether a configuration file is good, before anything reads it. Runs on the gateway's or the agent's machine.";
  static override description =
    'Exit code 0 says that a start and a reload take it; 2 that they do not, and the message names the field and the line. Keys that are no settings are named: they are kept, and have no effect. Nothing is changed.';
  static override examples = [
    '<%= config.bin %> config check gateway.json.new\ngateway.json.new is a good configuration of a gateway',
    '<%= config.bin %> config check --data-dir ag --json',
  ];
  static override args = { file: Args.string({ description: 'A gateway.json or agent.json; without it, those of the data folder.' }) };
  static override flags = { ...dataDirFlag };
  static override result: ResultShape<{ files: readonly JudgedFile[] }> = ({ z }) =>
    z.object({ files: z.array(z.object({ file: z.string(), kind: z.enum(['gateway', 'agent']), unknown: z.array(z.string()).readonly() })).readonly() });

  async run(): Promise<{ files: readonly JudgedFile[] }> {
    const { args, flags } = await this.parse(CheckConfig);
    const { files } = await this.world();
    const judged = args.file === undefined ? await checkFolder(this.dataDir(flags), files) : [await checkFile(args.file, files)];
    for (const { file, kind, unknown } of judged) {
      this.log(`${file} is a good configuration of ${kind === 'agent' ? 'an agent' : 'a gateway'}`);
      for (const key of unknown) this.note(`${file}: ${key} is no setting and has no effect`);
    }
    return { files: judged };
  }
}
