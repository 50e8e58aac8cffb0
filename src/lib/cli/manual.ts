// Man pages in mdoc from the definitions that --help shows: a page a command, and tunnel(1) above them.
import { variableName } from './environment.ts';
import { exitMeanings } from './exit-codes.ts';
import { definition, escapeLine, list, literal, type Macro, page, prose, section, seeAlso } from './mdoc.ts';

/** What of oclif's manifest a page is made of. */
export interface CommandDefinition {
  /** `agent:enroll`. */
  readonly id: string;
  readonly summary?: string | undefined;
  readonly description?: string | undefined;
  readonly usage?: string | string[] | undefined;
  readonly examples?: readonly (string | { readonly command: string; readonly description: string })[] | undefined;
  readonly args: Readonly<Record<string, ArgumentDefinition>>;
  readonly flags: Readonly<Record<string, FlagDefinition>>;
}

export interface ArgumentDefinition {
  readonly name: string;
  readonly description?: string | undefined;
  readonly required?: boolean | undefined;
  readonly multiple?: boolean | undefined;
}

export interface FlagDefinition {
  readonly name: string;
  readonly type: 'boolean' | 'option';
  readonly char?: string | undefined;
  readonly summary?: string | undefined;
  readonly required?: boolean | undefined;
  readonly multiple?: boolean | undefined;
  readonly helpValue?: string | string[] | undefined;
  readonly options?: readonly string[] | undefined;
  readonly default?: unknown;
}

/** From nothing to a connection: the first example of each of these commands. */
const MAIN_JOB = [
  { where: "On the gateway's machine:", ids: ['ca:init', 'gateway:start', 'token:mint', 'token:mint'] },
  { where: "On the agent's machine:", ids: ['agent:enroll', 'agent:start'] },
  { where: "On the operator's machine:", ids: ['login', 'connect', 'route:resolve', 'check', 'doctor'] },
] as const;

/** The file name of a command's page, without its section: `tunnel-agent-enroll`. */
export function pageName(id: string): string {
  return `tunnel-${id.replaceAll(':', '-')}`;
}

/** The page of one command; `related` are ids of other commands. */
export function commandPage(command: CommandDefinition, related: readonly string[]): string {
  const { id, flags } = command;
  const words = `tunnel ${id.replaceAll(':', ' ')}`;
  const [first, rest] = splitSummary(command.summary ?? '');
  const described = [rest, ...(command.description ?? '').split('\n')].filter((part) => part !== '');
  const sorted = Object.values(flags).sort((a, b) => (a.name < b.name ? -1 : 1));
  return page(pageName(id), 1, lowerFirst(first), [
    section('SYNOPSIS', synopsis(words, command, sorted)),
    section('DESCRIPTION', [
      ...(described.length === 0 ? prose(`${first}.`) : described.flatMap((part, index) => [...(index === 0 ? [] : ['.Pp']), ...prose(part)])),
      ...argumentList(Object.values(command.args)),
    ]),
    section('OPTIONS', list(sorted.map((flag) => definition(flagTag(flag), flagText(id, flag))))),
    section('ENVIRONMENT', [
      'A flag that is not given is read from its variable:',
      ...list(sorted.map((flag) => definition([['Ev', variableName(id, flag.name)]], [`.Fl -${flag.name}`]))),
    ]),
    section('EXIT STATUS', ['0 when it did what was asked, above 0 as', '.Xr tunnel-exit-codes 7', 'lists.']),
    section('EXAMPLES', ['.Bd -literal -offset indent', ...exampleLines(command), '.Ed']),
    section('SEE ALSO', seeAlso([...related.filter((other) => other !== id).map(pageName), 'tunnel'], [['tunnel-exit-codes', 7]])),
  ]);
}

/** tunnel(1): all commands, the environment, the files and the exit codes. */
export function mainPage(commands: readonly CommandDefinition[]): string {
  const entries = commands.map((command) => definition([['Xr', pageName(command.id), '1']], prose(command.summary ?? '')));
  return page('tunnel', 1, 'reach machines in private networks that accept no inbound connection', [
    section('SYNOPSIS', ['.Nm', '.Ar command', '.Op Ar argument ...', '.Op Fl -json', '.Nm', '.Fl -help', '.Nm', '.Fl -version']),
    section('DESCRIPTION', [
      'An agent inside a private network dials out to a gateway and advertises the networks and names that it can reach.',
      'An operator connects to a target, and the gateway picks the agent that carries it.',
      '.Pp',
      'Results go to standard output and everything else to standard error.',
      'With',
      '.Fl -json',
      'standard output carries one JSON document, or one JSON object a line for commands that keep running, and errors as',
      '.Ql {"error":{"code","message","hint"}} .',
      '.Pp',
      'The commands are:',
      ...list(entries),
    ]),
    section('ENVIRONMENT', [
      ...list([
        variable('TUNNEL_DATA_DIR', 'State folder of a gateway or agent, as --data-dir.'),
        variable('TUNNEL_CONFIG_DIR', "Folder of the operator's login, as --config-dir."),
        variable('TUNNEL_JSON', 'As --json, when it is true or 1.'),
        variable('TUNNEL_DEBUG', 'As --debug, when it is true or 1.'),
        variable('NO_COLOR', 'No colour, when it is set.'),
        variable('HTTPS_PROXY', 'The HTTP proxy on the way to a gateway, http://user:password@host:port; https_proxy goes before it, ALL_PROXY after it.'),
        variable('NO_PROXY', 'Names, addresses and CIDRs that are reached without that proxy.'),
      ]),
      '.Pp',
      'Every other flag has a variable of its own, named for its topic and itself; each page names them.',
      'A flag goes before its variable, a variable before what is stored, what is stored before the default.',
    ]),
    section('FILES', [
      ...list([
        path('/var/lib/tunnel', 'State folder of root.'),
        path('~/.local/state/tunnel', 'State folder of other users.'),
        path('~/.config/tunnel/login.json', "The operator's login, readable by its owner alone."),
        path('control.sock', "In a gateway's state folder: its API, for whoever may open it."),
        path('gateway.json', "In a gateway's state folder: its settings, see tunnel-gateway.conf(5)."),
        path('agent.json', "In an agent's state folder: what it knows of its gateway, and its settings, see tunnel-agent.conf(5)."),
        path('agent.sock', "In an agent's state folder: how it fares, and is asked, by agent status, renew and reload."),
      ]),
    ]),
    section('EXIT STATUS', [
      ...list([[0, 'It did what was asked.'] as const, ...exitMeanings()].map(([code, text]) => definition([['No', String(code)]], prose(text)))),
      '.Pp',
      'The error codes behind each are in',
      '.Xr tunnel-exit-codes 7 .',
    ]),
    section('EXAMPLES', ['The main job, on three machines:', ...MAIN_JOB.flatMap((part) => examplesOf(commands, part))]),
    section(
      'SEE ALSO',
      seeAlso(
        commands.map(({ id }) => pageName(id)),
        [
          ['tunnel-agent.conf', 5],
          ['tunnel-gateway.conf', 5],
          ['tunnel-exit-codes', 7],
        ],
      ),
    ),
  ]);
}

/** The forms that a command writes down itself, or one made of its arguments and flags. */
function synopsis(words: string, { usage, args }: CommandDefinition, flags: readonly FlagDefinition[]): string[] {
  if (usage === undefined) return [`.Nm ${words}`, ...Object.values(args).map(argumentSynopsis), ...flags.map(flagSynopsis)];
  const forms = typeof usage === 'string' ? [usage] : usage;
  return forms.flatMap((form) => [`.Nm ${words}`, literal(form.replace(words.replace('tunnel ', ''), '').trim())]);
}

function argumentSynopsis({ name, required, multiple }: ArgumentDefinition): string {
  const dots = multiple ? ' ...' : '';
  return required ? `.Ar ${name.toUpperCase()}${dots}` : `.Op Ar ${name.toUpperCase()}${dots}`;
}

function argumentList(args: readonly ArgumentDefinition[]): string[] {
  return args.length === 0
    ? []
    : ['.Pp', 'Arguments:', ...list(args.map(({ name, description }) => definition([['Ar', name.toUpperCase()]], prose(description ?? ''))))];
}

function flagSynopsis(flag: FlagDefinition): string {
  const usage = `Fl -${flag.name}${flag.type === 'option' ? ` Ns = Ns Ar ${escapeLine(valueName(flag))}` : ''}`;
  return flag.required ? `.${usage}` : `.Op ${usage}`;
}

function flagTag(flag: FlagDefinition): Macro[] {
  const value: Macro[] =
    flag.type === 'option'
      ? [
          ['Ns', '='],
          ['Ns', 'Ar', valueName(flag)],
        ]
      : [];
  return [...(flag.char === undefined ? [] : [['Fl', flag.char, ','] as const]), ['Fl', `-${flag.name}`], ...value];
}

function flagText(id: string, flag: FlagDefinition): string[] {
  const fallback = flag.type === 'option' && flag.default !== undefined ? [literal(`The default is ${String(flag.default)}.`)] : [];
  const choices = flag.options === undefined ? [] : [literal(`One of ${flag.options.join(', ')}.`)];
  return [...prose(flag.summary ?? ''), ...choices, ...fallback, `.Pq Ev ${variableName(id, flag.name)}`];
}

function valueName({ helpValue, name }: FlagDefinition): string {
  return typeof helpValue === 'string' ? helpValue : name.toUpperCase();
}

function exampleLines(command: CommandDefinition): string[] {
  return exampleTexts(command).flatMap((text) => text.split('\n').map(literal));
}

/** The lines behind the first are what it prints. */
function exampleTexts({ examples = [] }: CommandDefinition): string[] {
  return examples.map((example) => `$ ${(typeof example === 'string' ? example : example.command).replaceAll('<%= config.bin %>', 'tunnel')}`);
}

/** One example a mention: a command that is named twice shows its first two. */
function examplesOf(commands: readonly CommandDefinition[], { where, ids }: (typeof MAIN_JOB)[number]): string[] {
  const told = new Map<string, number>();
  const texts = ids.map((id: string) => {
    const at = told.get(id) ?? 0;
    told.set(id, at + 1);
    const command = commands.find((each) => each.id === id);
    const text = command && exampleTexts(command)[at];
    if (text === undefined) throw new Error(`tunnel(1) shows an example of ${id}, which has none`);
    return text;
  });
  return ['.Pp', where, '.Bd -literal -offset indent', ...texts.flatMap((text) => text.split('\n').map(literal)), '.Ed'];
}

function variable(name: string, text: string): string[] {
  return definition([['Ev', name]], prose(text));
}

function path(name: string, text: string): string[] {
  return definition([['Pa', name]], prose(text));
}

/** The first sentence, without its full stop, and what follows: where the command runs. */
function splitSummary(summary: string): [string, string] {
  const end = summary.indexOf('. ');
  return end === -1 ? [summary.replace(/\.$/, ''), ''] : [summary.slice(0, end), summary.slice(end + 2)];
}

function lowerFirst(text: string): string {
  return /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}
