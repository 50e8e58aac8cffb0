// Explains a string without spending it.
import type { InspectedString } from '../../lib/access/inspect-string.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { apiFlags, tokenFileFlag } from '../../lib/cli/global-flags.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';
import { readTokenFile } from '../../lib/cli/token-file.ts';

export default class InspectToken extends TunnelCommand<InspectedString> {
  static override summary = 'Explain a string without spending it. Runs on any machine.';
  static override description =
    'What the string says itself is read on this machine; nothing in it is verified there. What is left of it is known to its gateway alone, which is asked ' +
    'with --data-dir, or where an admin is logged in. The string is not sent, only its hash.';
  static override examples = [
    '<%= config.bin %> token inspect --token-file web1.token\nkind      agent\nname      web1\ngateway   https://gw.example:8443\nCA pin    8457c6c6b58615333d5410ce93a20d580c639070be9a1add84f74f20a708c39b\nQUIC      gw.example:8443\nexpires   2026-11-21T22:04:19.000Z',
    'pbpaste | <%= config.bin %> token inspect --token-file - --data-dir gw',
  ];
  static override flags = { ...tokenFileFlag, ...apiFlags };
  static override result: ResultShape<InspectedString> = ({ z, TokenKind, TokenRow, TokenState, time }) =>
    z.object({
      kind: TokenKind,
      name: z.string(),
      gateway: z.string(),
      ca_spki_sha256: z.string().nullable(),
      tls: z.enum(['tunnel', 'public']),
      quic_endpoint: z.string().nullable(),
      expires_at: time.nullable(),
      state: z.enum([...TokenState.options, 'unknown']).nullable(),
      not_told: z.string().nullable(),
      token: TokenRow.nullable(),
    });

  async run(): Promise<InspectedString> {
    const { flags } = await this.parse(InspectToken);
    const world = await this.world();
    const { token, warning } = await readTokenFile(flags['token-file'], world.files);
    if (warning !== undefined) this.note(warning);
    const { inspectString } = await import('../../lib/access/inspect-string.ts');
    const options = { dataDir: flags['data-dir'], configDir: this.configDir(flags) };
    const inspected = await inspectString(token, options, world, this.interrupts.signal);
    for (const line of describe(inspected)) this.log(line);
    if (inspected.not_told !== null) this.note(`no gateway told its state: ${inspected.not_told}`);
    return inspected;
  }
}

function describe({ kind, name, gateway, ca_spki_sha256, tls, quic_endpoint, expires_at, state, token }: InspectedString): string[] {
  const all = (texts: readonly string[] | null, instead: string) => (texts === null ? instead : texts.join(', ') || 'none');
  const lines = [
    ['kind', kind],
    ['name', name],
    ['gateway', gateway],
    ['CA pin', ca_spki_sha256 ?? (tls === 'public' ? 'none: its certificate is of a public CA' : 'none')],
    ...(quic_endpoint === null ? [] : [['QUIC', quic_endpoint]]),
    ['expires', expires_at ?? 'never'],
    ...(state === null ? [] : [['state', state === 'unknown' ? 'unknown: this gateway did not mint it' : state]]),
    ...(token === null ? [] : [['uses', `${token.uses} of ${token.max_uses}`]]),
    ...(token?.kind === 'agent'
      ? [
          ['routes', all(token.routes, 'none')],
          ['ports', all(token.ports, "the defaults of the agent's system")],
          ['sources', all(token.sources, 'all')],
          ['site', token.site ?? 'none'],
          ['ephemeral', token.ephemeral ? 'yes' : 'no'],
        ]
      : []),
    ...(token?.kind === 'operator'
      ? [
          ['agents', all(token.agents, 'all')],
          ['targets', all(token.targets, 'all')],
        ]
      : []),
  ];
  return lines.map(([what = '', value = '']) => `${what.padEnd(9)} ${value}`);
}
