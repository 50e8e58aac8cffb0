// Takes a lock off.
import { openAccess } from '../lib/access/open.ts';
import type { UnlockAnswer } from '../lib/api/locks.ts';
import { TunnelCommand } from '../lib/cli/command.ts';
import { apiFlags } from '../lib/cli/global-flags.ts';
import { lockArgs } from '../lib/cli/lock-args.ts';
import type { ResultShape } from '../lib/cli/shape.ts';

export default class Unlock extends TunnelCommand<UnlockAnswer> {
  static override summary = "Take the lock off an operator, an agent, a string or a session. Runs on the gateway's machine, or anywhere for an admin.";
  static override description = 'An agent comes back by itself within a minute; an operator connects again. What is not locked stays as it is.';
  static override examples = ['<%= config.bin %> unlock agent web1\nunlocked agent web1', '<%= config.bin %> unlock operator alice --data-dir gw'];
  static override args = lockArgs;
  static override flags = { ...apiFlags };
  static override result: ResultShape<UnlockAnswer> = (shapes) => shapes.UnlockAnswer;

  async run(): Promise<UnlockAnswer> {
    const { args, flags } = await this.parse(Unlock);
    await using access = await openAccess({ dataDir: flags['data-dir'], configDir: this.configDir(flags) }, await this.world());
    const answer = await access.client.unlock(args.kind, args.name, this.interrupts.signal);
    this.log(answer.ids.length === 0 ? `${answer.kind} ${answer.name} was not locked` : `unlocked ${answer.kind} ${answer.name}`);
    return answer;
  }
}
