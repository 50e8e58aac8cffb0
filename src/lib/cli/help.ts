// What --help shows where oclif's own reads badly: the variable of a flag stands behind its text, and no summary is told twice.
import type { Command } from '@oclif/core/command';
import { CommandHelp, Help } from '@oclif/core/help';
import { variableName } from './environment.ts';

class OurCommandHelp extends CommandHelp {
  protected override flags(flags: Command.Flag.Any[]): [string, string | undefined][] | undefined {
    const id = this.command.id.replaceAll(' ', ':'); // help gets the words as typed
    return super.flags(flags.map(({ env: _env, ...flag }) => ({ ...flag, summary: `${flag.summary} [${variableName(id, flag.name)}]` })));
  }
}

export default class OurHelp extends Help {
  protected override CommandHelpClass = OurCommandHelp;
}
