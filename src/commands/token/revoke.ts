// Revokes strings that were minted.
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { openAccess } from '../../lib/access/open.ts';
import type { TokensRevoked } from '../../lib/api/tokens.ts';
import { TunnelError } from '../../lib/base/errors.ts';
import type { World } from '../../lib/base/world.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { apiFlags } from '../../lib/cli/global-flags.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';
import { readTokenFile } from '../../lib/cli/token-file.ts';

export default class RevokeToken extends TunnelCommand<TokensRevoked> {
  static override summary =
    "Revoke strings: nothing is enrolled and nobody logs in with them any more. Runs on the gateway's machine, or anywhere for an admin.";
  static override description =
    'A name means all strings of that name. What a string was used for stays: the agent is ended by agent revoke or agent delete, the login of an operator by lock operator.';
  static override examples = [
    '<%= config.bin %> token revoke web1 --data-dir gw\nrevoked the string 5c1ef8a2-8655-4e04-91fa-e13c54a7e855 for agent web1, which was open',
    '<%= config.bin %> token revoke 0b0e6c1e-6f0c-4f0e-9d53-6a3f2f6d2f11',
    '<%= config.bin %> token revoke --token-file leaked.token',
  ];
  static override args = { token: Args.string({ description: 'ID or name, as token list shows them', ignoreStdin: true }) };
  static override flags = {
    'token-file': Flags.string({ summary: 'File that holds the string to revoke; - reads it from standard input.', helpValue: 'FILE' }),
    ...apiFlags,
  };
  static override result: ResultShape<TokensRevoked> = (shapes) => shapes.TokensRevoked;

  async run(): Promise<TokensRevoked> {
    const { args, flags } = await this.parse(RevokeToken);
    const world = await this.world();
    const which = await this.#which(args.token, flags['token-file'], world);
    await using access = await openAccess({ dataDir: flags['data-dir'], configDir: this.configDir(flags) }, world);
    const answer = await access.client.revokeTokens(which, this.interrupts.signal);
    for (const { id, kind, name, state } of answer.revoked) this.log(`revoked the string ${id} for ${kind} ${name}, which was ${state}`);
    for (const { kind, name } of answer.revoked.filter(({ uses }) => uses > 0))
      this.note(
        kind === 'agent'
          ? `what enrolled with the string ${name} stays: tunnel agent list shows it, tunnel agent delete ends it`
          : `the login of ${name} stays`,
      );
    return answer;
  }

  async #which(token: string | undefined, file: string | undefined, { files }: Pick<World, 'files'>): Promise<string> {
    if ((token === undefined) === (file === undefined))
      throw new TunnelError('usage', 'name one string: by its id or name, or with --token-file', { hint: 'tunnel token list shows ids and names.' });
    if (token !== undefined) return token;
    const { whichString } = await import('../../lib/access/inspect-string.ts');
    return whichString((await readTokenFile(file ?? '-', files)).token);
  }
}
