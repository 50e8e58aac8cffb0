// Cuts something now and refuses it from now on.
import { openAccess } from '../lib/access/open.ts';
import type { LockAnswer } from '../lib/api/locks.ts';
import { TunnelCommand } from '../lib/cli/command.ts';
import { cutText } from '../lib/cli/cut-text.ts';
import { apiFlags, reasonFlag, reasonOf } from '../lib/cli/global-flags.ts';
import { lockArgs } from '../lib/cli/lock-args.ts';
import type { ResultShape } from '../lib/cli/shape.ts';

export default class Lock extends TunnelCommand<LockAnswer> {
  static override summary =
    "Cut an operator, an agent, a session or what a string let in, and refuse it until unlock. Runs on the gateway's machine, or anywhere for an admin.";
  static override description =
    'Everything stays as it was, and unlock brings it back. A lock of an agent closes its links; of an operator, or of a string that somebody logged in with, it ends the sessions; ' +
    'of a session, it keeps its operator from opening another on that agent. A lock of an enrolment string refuses further enrolments; the agents that it made are locked by themselves. ' +
    'Whoever is cut off is shown the reason. Without a gateway that runs, the lock holds from its next start on.';
  static override examples = [
    "<%= config.bin %> lock agent web1 --reason 'laptop stolen, ticket 4711'\nlocked agent web1, cut 1 link, 1 session",
    '<%= config.bin %> lock operator alice --data-dir gw',
    '<%= config.bin %> lock session 0b0e6c1e-6f0c-4f0e-9d53-6a3f2f6d2f11 --json',
  ];
  static override args = lockArgs;
  static override flags = { ...reasonFlag, ...apiFlags };
  static override result: ResultShape<LockAnswer> = (shapes) => shapes.LockAnswer;

  async run(): Promise<LockAnswer> {
    const { args, flags } = await this.parse(Lock);
    await using access = await openAccess({ dataDir: flags['data-dir'], configDir: this.configDir(flags) }, await this.world());
    const answer = await access.client.lock(args.kind, args.name, reasonOf(flags), this.interrupts.signal);
    this.log(`locked ${answer.kind} ${answer.name}, ${cutText(answer.cut)}`);
    return answer;
  }
}
