// Lists the strings that were minted, never the strings themselves.

import { openAccess } from '../../lib/access/open.ts';
import type { TokenList } from '../../lib/api/contract.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { apiFlags, pageFlags } from '../../lib/cli/global-flags.ts';
import { moreText, pageQuery } from '../../lib/cli/page.ts';

export default class ListTokens extends TunnelCommand<TokenList> {
  static override summary = "List minted strings and what became of them. Runs on the gateway's machine, or anywhere for an admin who is logged in.";
  static override examples = ['<%= config.bin %> token list --data-dir gw'];
  static override flags = { ...apiFlags, ...pageFlags };

  async run(): Promise<TokenList> {
    const { flags } = await this.parse(ListTokens);
    await using access = await openAccess({ dataDir: flags['data-dir'], configDir: this.configDir(flags) }, await this.world());
    const list = await access.client.listTokens(pageQuery(flags), this.interrupts.signal);
    const rows = list.tokens.map(({ kind, name, state, created_at, expires_at, used_at }) => [kind, name, state, created_at, expires_at, used_at ?? '']);
    await this.table(['KIND', 'NAME', 'STATE', 'CREATED', 'EXPIRES', 'USED'], rows, 'no strings');
    if (list.next !== null && !this.jsonEnabled()) this.note(moreText(list.next));
    return list;
  }
}
