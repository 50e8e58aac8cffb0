// Lists the strings that were minted, never the strings themselves.

import * as Flags from '@oclif/core/flags';
import { openAccess } from '../../lib/access/open.ts';
import type { TokenList } from '../../lib/api/tokens.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { apiFlags, pageFlags } from '../../lib/cli/global-flags.ts';
import { moreText, pageQuery } from '../../lib/cli/page.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';

export default class ListTokens extends TunnelCommand<TokenList> {
  static override summary = "List minted strings and what became of them. Runs on the gateway's machine, or anywhere for an admin who is logged in.";
  static override description = 'A string is used when no use of it is left.';
  static override examples = [
    '<%= config.bin %> token list --data-dir gw\nID                                    KIND      NAME   STATE  USES  EXPIRES                   LAST USED\n0b4e8371-1fa0-427c-b16a-9b4db06aae8a  agent     web1   used   1/1   2026-11-21T22:04:19.705Z  2026-11-21T21:04:21.355Z\nb1e1ba10-f672-4dd1-baf7-07586a6e29ea  operator  alice  open   0/1   2026-11-21T22:04:20.236Z  -',
    '<%= config.bin %> token list --state open --kind agent --json',
  ];
  static override flags = {
    ...apiFlags,
    ...pageFlags,
    kind: Flags.option({ summary: 'Only strings for these.', options: ['agent', 'operator', 'admin'] as const })(),
    state: Flags.option({ summary: 'Only strings in this state.', options: ['open', 'used', 'revoked', 'locked', 'expired'] as const })(),
  };
  static override result: ResultShape<TokenList> = (shapes) => shapes.TokenList;

  async run(): Promise<TokenList> {
    const { flags } = await this.parse(ListTokens);
    await using access = await openAccess({ dataDir: flags['data-dir'], configDir: this.configDir(flags) }, await this.world());
    const list = await access.client.listTokens({ ...pageQuery(flags), kind: flags.kind, state: flags.state }, this.interrupts.signal);
    const rows = list.tokens.map(({ id, kind, name, state, uses, max_uses, expires_at, used_at }) => [
      id,
      kind,
      name,
      state,
      `${uses}/${max_uses}`,
      expires_at,
      used_at ?? '',
    ]);
    await this.table(['ID', 'KIND', 'NAME', 'STATE', 'USES', 'EXPIRES', 'LAST USED'], rows, 'no strings');
    if (list.next !== null && !this.jsonEnabled()) this.note(moreText(list.next));
    return list;
  }
}
