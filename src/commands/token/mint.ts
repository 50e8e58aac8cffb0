// Mints an enrolment string or a login string.
import * as Flags from '@oclif/core/flags';
import { openAccess } from '../../lib/access/open.ts';
import type { MintAnswer, MintRequest } from '../../lib/api/tokens.ts';
import { parseDuration } from '../../lib/base/duration.ts';
import { parseName } from '../../lib/base/ids.ts';
import { commaList } from '../../lib/cli/comma-list.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { apiFlags } from '../../lib/cli/global-flags.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';
import { assureWritable } from '../../lib/cli/token-file.ts';

/** The string itself is not repeated where `--out` has written it. */
type Minted = Omit<MintAnswer, 'warnings' | 'token'> & ({ readonly token: string } | { readonly file: string });

export default class MintToken extends TunnelCommand<Minted> {
  static override summary = "Mint a string: for an agent to enrol, for an operator to log in. Runs on the gateway's machine, or anywhere for an admin.";
  static override description =
    'The string is the only line on standard output. It works once, or for --uses agents, whose names are NAME and the beginning of their ids (web-3f9a2b1c). ' +
    'Without --agents an operator reaches all agents, without --targets all that these carry; without --ports an agent gets the defaults of its system ' +
    '(22 and 5900, on Windows 3389, 5900, 5985 and 5986); without --routes it gets none.';
  static override examples = [
    "<%= config.bin %> token mint --data-dir gw --kind agent --name web1 --routes '10.0.0.0/24,*.corp.example' --ports 22,3389 --expires 1h --out web1.token",
    "<%= config.bin %> token mint --data-dir gw --kind operator --name alice --agents web1 --targets '10.0.0.0/24:22,*.corp.example:443' --out alice.token",
    '<%= config.bin %> token mint --data-dir gw --kind agent --name ci --uses 50 --ephemeral --sources 203.0.113.0/24 --expires 30d --out ci.token',
  ];
  static override flags = {
    ...apiFlags,
    kind: Flags.option({ summary: 'For whom the string is.', options: ['agent', 'operator', 'admin'] as const, required: true })(),
    name: Flags.string({ summary: 'Name of the agent or operator: lower-case letters, digits, dots, dashes, underscores.', helpValue: 'NAME', required: true }),
    routes: Flags.string({ summary: 'Networks and names that the agent may serve, with commas.', helpValue: 'LIST' }),
    ports: Flags.string({ summary: 'Ports that may be reached through the agent, with commas; ranges as 1-1024.', helpValue: 'LIST' }),
    site: Flags.string({ summary: 'Where the agents stand, if the same networks are at several sites.', helpValue: 'NAME' }),
    uses: Flags.integer({ summary: 'How many agents may enrol with it, up to 10000; 1 where not given.', helpValue: 'COUNT', min: 1, max: 10_000 }),
    ephemeral: Flags.boolean({ summary: 'Agents that enrol with it are deleted a minute after their last link has gone.' }),
    sources: Flags.string({ summary: 'Networks from which it may be used to enrol, with commas; from anywhere where not given.', helpValue: 'LIST' }),
    agents: Flags.string({ summary: 'Agents that the operator may reach, with commas.', helpValue: 'LIST' }),
    targets: Flags.string({
      summary: 'Targets that the operator may reach, hosts with ports, with commas: 10.0.0.0/24:22, [fd00::/64]:22, *.corp.example:1-1024.',
      helpValue: 'LIST',
    }),
    expires: Flags.string({ summary: 'How long the string can be used.', helpValue: 'DURATION', default: '1h' }),
    'credential-expires': Flags.string({ summary: 'How long the login lasts; 30d where not given.', helpValue: 'DURATION' }),
    replace: Flags.boolean({ summary: 'Enrol an existing name anew: same id, new key, the old one revoked.' }),
    'public-url': Flags.string({ summary: 'Address of a gateway that was never started.', helpValue: 'URL' }),
    out: Flags.string({ summary: 'Write the string to this file with mode 0600 instead of printing it.', helpValue: 'FILE' }),
  };
  static override result: ResultShape<Minted> = ({ z, MintAnswer }) => {
    const minted = MintAnswer.omit({ warnings: true, token: true });
    return z.union([minted.extend({ token: z.string() }), minted.extend({ file: z.string() })]);
  };

  async run(): Promise<Minted> {
    const { flags } = await this.parse(MintToken);
    const request: MintRequest = {
      kind: flags.kind,
      name: parseName(flags.name, '--name'),
      routes: commaList(flags.routes) ?? [],
      expires_ms: parseDuration(flags.expires, '--expires'),
      replace: flags.replace,
      ephemeral: flags.ephemeral,
      ...given('uses', flags.uses),
      ...given('site', flags.site === undefined ? undefined : parseName(flags.site, '--site')),
      ...given('ports', commaList(flags.ports)),
      ...given('sources', commaList(flags.sources)),
      ...given('targets', commaList(flags.targets)),
      ...given(
        'agents',
        commaList(flags.agents)?.map((name) => parseName(name, '--agents')),
      ),
      ...given(
        'credential_expires_ms',
        flags['credential-expires'] === undefined ? undefined : parseDuration(flags['credential-expires'], '--credential-expires'),
      ),
      ...given('public_url', flags['public-url']),
    };
    const world = await this.world();
    if (flags.out !== undefined) await assureWritable(flags.out, world.files);
    await using access = await openAccess({ dataDir: flags['data-dir'], configDir: this.configDir(flags) }, world);
    const { warnings, token, ...minted } = await access.client.mintToken(request, this.interrupts.signal);
    for (const warning of warnings) this.note(`warning: ${warning}`);
    if (flags.out === undefined) {
      this.log(token);
      return { token, ...minted };
    }
    await world.files.replaceAtomically(flags.out, `${token}\n`);
    return { ...minted, file: flags.out };
  }
}

function given<K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined ? {} : ({ [key]: value } as Record<K, V>);
}
