// The rows of docs/json/matrix.md: every command with good input and with each class of bad input, and the exit codes that the class allows.
import type { Command } from '@oclif/core/command';

/** Where a command works: at the gateway's folder, at the agent's, with a login. */
type Place = 'gateway' | 'agent' | 'login' | 'nowhere';

/** The folders that rows name; the table shows the names. */
export const FOLDERS = [
  'GATEWAY',
  'LOOSE_GATEWAY',
  'STOPPED_GATEWAY',
  'AGENT',
  'LOOSE_AGENT',
  'LOGIN',
  'LOOSE_LOGIN',
  'FAR_LOGIN',
  'LAST_LOGIN',
  'EMPTY',
  'NEW',
  'FILES',
] as const;
export type Folder = (typeof FOLDERS)[number];

export interface Row {
  readonly command: string;
  readonly input: string;
  /** Folders by their names. */
  readonly args: readonly string[];
  readonly exits: readonly number[];
}

/** Its good row is another test's. */
interface Elsewhere {
  readonly command: string;
  readonly elsewhere: string;
}

interface Example {
  /** Beside its folder, with which it works. A string names the test that runs it. */
  readonly good: readonly string[] | `test/${string}`;
  /** What it is given beside the bad, where its good row is elsewhere. */
  readonly sound?: readonly string[];
  /** One that is not as it must be. */
  readonly bad?: readonly string[];
  /** Its folder need not be there, or is not what it judges first. */
  readonly anyFolder?: true;
}

const SERVICE = { good: 'test/e2e/services.test.ts', bad: ['--name', '../x'], anyFolder: true } as const;
const STREAM = { good: 'test/e2e/walkthrough.test.ts' } as const;

/** In this order the good ones run, one after the other: later ones find what earlier ones left. */
const EXAMPLES: Readonly<Record<string, Example>> = {
  limits: { good: [] },
  completion: { good: ['bash'], bad: ['tcsh'] },
  complete: { good: ['agents'], bad: ['weather'], anyFolder: true },
  doctor: { good: [], bad: ['127.0.0.1'] },
  quickstart: { good: 'test/e2e/walkthrough.test.ts' },
  'ca:init': { good: ['--data-dir', 'NEW/gw'], bad: ['--data-dir', 'NEW/ca', '--from-pem', 'FILES/absent'], anyFolder: true },
  'ca:show': { good: [] },
  'gateway:start': { ...STREAM, bad: ['--listen', 'nonsense', '--data-dir', 'STOPPED_GATEWAY'] },
  'gateway:install': SERVICE,
  'gateway:uninstall': SERVICE,
  'gateway:status': { good: [] },
  'token:mint': { good: ['--kind', 'agent', '--name', 'matrix'], bad: ['--kind', 'agent', '--name', 'Not A Name'] },
  'token:list': { good: [] },
  'token:inspect': { good: ['--token-file', 'FILES/spare.token'], bad: ['--token-file', 'FILES/nonsense'], anyFolder: true },
  'token:revoke': { good: ['matrix'] },
  'agent:enroll': {
    good: ['--token-file', 'FILES/spare.token', '--data-dir', 'NEW/ag', '--no-verify'],
    bad: ['--token-file', 'FILES/nonsense'],
    anyFolder: true,
  },
  'agent:start': { ...STREAM, bad: ['--transport', 'pigeon'] },
  'agent:install': SERVICE,
  'agent:uninstall': SERVICE,
  'agent:status': { good: [] },
  'agent:renew': { good: 'test/e2e/renewal.test.ts' },
  'agent:reload': { good: [] },
  'agent:list': { good: [] },
  'agent:show': { good: ['web1'] },
  'agent:set': { good: ['web1', '--ports', '1-65535'], bad: ['web1', '--ports', '0'] },
  'route:list': { good: [] },
  'route:resolve': { good: ['127.0.0.1:22'], bad: ['127.0.0.1'] },
  'policy:show': { good: [] },
  'policy:test': { good: ['FILES/policy-tests.yaml'], bad: ['FILES/nonsense'] },
  'policy:explain': { good: ['127.0.0.1:22', '--as', 'alice'], bad: ['127.0.0.1', '--as', 'alice'] },
  'policy:diff': { good: ['FILES/policy.yaml'], bad: ['FILES/policy.yaml', '--since', 'once'] },
  'policy:set': { good: ['FILES/policy.yaml'], bad: ['FILES/nonsense'] },
  login: { good: ['--token-file', 'FILES/bob.token', '--config-dir', 'NEW/op'], bad: ['--token-file', 'FILES/nonsense'], anyFolder: true },
  whoami: { good: [] },
  'session:open': { good: ['127.0.0.1:22'], bad: ['127.0.0.1'] },
  'session:list': { good: [] },
  'session:show': { good: 'test/e2e/revocation.test.ts', sound: ['00000000-0000-4000-8000-000000000000'] },
  'session:close': { good: 'test/e2e/revocation.test.ts', sound: ['00000000-0000-4000-8000-000000000000'] },
  connect: { ...STREAM, sound: ['127.0.0.1:22'], bad: ['127.0.0.1'] },
  wizard: { good: 'test/e2e/wizard.test.ts', bad: [] },
  'profile:save': { good: ['matrix', '127.0.0.1:22'], bad: ['matrix', '127.0.0.1'], anyFolder: true },
  'profile:list': { good: [], anyFolder: true },
  'profile:show': { good: ['matrix'], bad: ['../x'], anyFolder: true },
  'profile:edit': { good: 'test/e2e/profiles.test.ts', sound: ['nobody'], bad: ['../x'], anyFolder: true },
  up: { good: 'test/e2e/profiles.test.ts', sound: ['nobody'], bad: ['../x'], anyFolder: true },
  down: { good: ['matrix'], bad: ['../x'], anyFolder: true },
  'profile:delete': { good: ['matrix'], bad: ['../x'], anyFolder: true },
  ssh: { good: 'test/e2e/clients.test.ts', sound: ['10.0.0.7'], bad: ['10.0.0.7:22'], anyFolder: true },
  'ssh-config': { good: 'test/e2e/clients.test.ts', sound: ['256.0.0.1'], bad: ['256.0.0.1'], anyFolder: true },
  rdp: { good: 'test/e2e/clients.test.ts', sound: ['256.0.0.1'], bad: ['256.0.0.1'], anyFolder: true },
  check: { good: ['FILES/checks.yaml'], bad: ['FILES/nonsense'] },
  'operator:list': { good: [] },
  lock: { good: ['operator', 'bob'], bad: ['planet', 'bob'] },
  unlock: { good: ['operator', 'bob'], bad: ['planet', 'bob'] },
  'agent:revoke': { good: ['spare'] },
  'agent:delete': { good: ['spare'] },
  'operator:delete': { good: ['bob'] },
  audit: { good: [], bad: ['--since', 'once'] },
  'audit:verify': { good: [] },
  'store:check': { good: [] },
  'store:backup': { good: ['--out', 'NEW/backup'] },
  'store:restore': { good: ['--from', 'NEW/backup', '--data-dir', 'NEW/restored'], anyFolder: true },
  'ca:rotate': { good: ['--window', '30d'], bad: ['--window', 'soon'] },
  config: { good: [], anyFolder: true },
  'config:check': { good: [], anyFolder: true },
  'gateway:reload': { good: [] },
  'gateway:drain': { good: ['--wait', '0s'] },
  'session:watch': { good: 'test/e2e/agent-audit.test.ts' },
  logout: { good: [] },
};

/** Commands that nobody said how to run. */
export function unknownCommands(commands: readonly Command.Cached[]): string[] {
  return commands.map(({ id }) => id).filter((id) => EXAMPLES[id] === undefined);
}

/** Those that change nothing; any number at once. */
export function badRows(commands: readonly Command.Cached[]): Row[] {
  return commands.flatMap((command) => (EXAMPLES[command.id] === undefined ? [] : badRowsOf(command, EXAMPLES[command.id] as Example)));
}

/** In the order in which they can run. */
export function goodRows(commands: readonly Command.Cached[]): (Row | Elsewhere)[] {
  const byId = new Map(commands.map((command) => [command.id, command]));
  return Object.entries(EXAMPLES).flatMap(([id, { good }]): (Row | Elsewhere)[] => {
    const command = byId.get(id);
    if (command === undefined) return [];
    if (typeof good === 'string') return [{ command: id, elsewhere: good }];
    return [{ command: id, input: 'good', args: at(command, good), exits: [0] }];
  });
}

function badRowsOf(command: Command.Cached, { good, bad, anyFolder, sound = typeof good === 'string' ? [] : good }: Example): Row[] {
  const { id, flags, args } = command;
  const place = placeOf(command);
  const row = (input: string, exits: readonly number[], typed: readonly string[]): Row => ({ command: id, input, args: typed, exits });
  const demands = [...Object.values(args), ...Object.values(flags)].some(({ required }) => required);
  const file = Object.keys(flags).find((name) => /-file$|^from$/.test(name)) ?? (args['file'] === undefined ? undefined : 'file');
  return [
    row('unknown flag', [2], at(command, [...sound, '--nonsense'])),
    demands
      ? row('missing argument', [2], folderOf(place))
      : row('argument too many', [2], at(command, [...sound, ...Object.keys(args).map(() => 'a'), 'extra', 'extra'])),
    ...(bad === undefined ? [] : [row('bad value', [1, 2], at(command, bad))]),
    ...(bad === undefined && flags['limit'] ? [row('bad value', [2], at(command, [...sound, '--limit', '0']))] : []),
    ...(flags['wait'] ? [row('bad duration', [2], at(command, [...sound, '--wait', 'soon']))] : []),
    ...(file === undefined
      ? []
      : [row('missing file', [1, 2], at(command, file === 'file' ? ['FILES/absent'] : [...without(sound, `--${file}`), `--${file}`, 'FILES/absent']))]),
    ...('agent' in args || 'operator' in args || 'session' in args ? [row('unknown name', [2, 5], at(command, ['nobody', ...sound.slice(1)]))] : []),
    ...(place === 'nowhere' || anyFolder
      ? []
      : placeRows(id, place, (input, exits, folder) => row(input, exits, [...without(without(sound, '--data-dir'), '--config-dir'), ...folder]))),
  ];
}

function placeRows(id: string, place: Place, row: (input: string, exits: readonly number[], folder: readonly string[]) => Row): Row[] {
  if (place === 'login')
    return [
      row('no login', [3], ['--config-dir', 'EMPTY']),
      // Smoke tests are told as a result; a login is gone when it has been ended.
      row('gateway away', [id === 'check' ? 1 : 6], ['--config-dir', id === 'logout' ? 'LAST_LOGIN' : 'FAR_LOGIN']),
      row('loose mode', [4], ['--config-dir', 'LOOSE_LOGIN']),
    ];
  const loose = place === 'gateway' ? 'LOOSE_GATEWAY' : 'LOOSE_AGENT';
  return [row('missing folder', [3, 5, 6], ['--data-dir', 'EMPTY/absent']), row('loose mode', [4], ['--data-dir', loose])];
}

function placeOf({ id, flags }: Command.Cached): Place {
  if (flags['config-dir'] !== undefined) return 'login';
  if (flags['data-dir'] === undefined) return 'nowhere';
  return id.startsWith('agent:') ? 'agent' : 'gateway';
}

function folderOf(place: Place): string[] {
  return { gateway: ['--data-dir', 'GATEWAY'], agent: ['--data-dir', 'AGENT'], login: ['--config-dir', 'LOGIN'], nowhere: [] }[place];
}

function at(command: Command.Cached, args: readonly string[]): string[] {
  return [...args, ...(args.includes('--data-dir') || args.includes('--config-dir') ? [] : folderOf(placeOf(command)))];
}

function without(args: readonly string[], flag: string): string[] {
  const place = args.indexOf(flag);
  return place === -1 ? [...args] : args.toSpliced(place, 2);
}
