// Every generated file with its content; generate.ts writes them, test/commands.test.ts compares them.
import { readFileSync } from 'node:fs';
import type { Command } from '@oclif/core/command';
import { z } from 'zod';
import { AgentConfig } from '../src/lib/agent/config.ts';
import { openapi } from '../src/lib/api/openapi.ts';
import { exitCodesPage } from '../src/lib/cli/exit-codes-page.ts';
import { commandPage, mainPage, pageName } from '../src/lib/cli/manual.ts';
import { configPage } from '../src/lib/cli/manual-config.ts';
import { StoredConfig } from '../src/lib/gateway/config-file.ts';
import { contractPages } from './contract-pages.ts';
import { root, snapshotOf } from './read-commands.ts';

/** Paths below the root. The same sources give the same bytes. */
export async function generated(commands: readonly Command.Cached[]): Promise<Map<string, string>> {
  const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
  const shown = commands.filter(({ hidden }) => !hidden);
  const files = new Map<string, string>([
    ['oclif.manifest.json', json({ commands: Object.fromEntries(commands.map((command) => [command.id, command])), version })],
    ['test/snapshots/commands.json', json(snapshotOf(commands))],
    ['docs/openapi.json', json(openapi())],
    ['man/tunnel.1', mainPage(shown)],
    ['man/tunnel-exit-codes.7', exitCodesPage()],
    ...(await contractPages(shown)),
    ...ofFile('gateway', StoredConfig, {
      summary: 'configuration of a tunnel gateway',
      description: [
        'A gateway keeps its settings in one JSON file, gateway.json, which the first gateway start writes. Flags go before their variables, variables before this file, and the file before the defaults. Keys that are not listed here survive.',
        'A running gateway reads it again on SIGHUP and by tunnel gateway reload, without dropping a stream; a file that is not good changes nothing. What a running gateway cannot change is named, and waits for its next start.',
        'tunnel config shows what is in force and where it comes from, and tunnel config check judges a file. A JSON schema is docs/gateway.schema.json.',
      ],
      example: [
        '{',
        '  "listen": "0.0.0.0:8443",',
        '  "public_url": "https://gw.example:8443",',
        '  "agent_cert_lifetime": "30d",',
        '  "log_level": "warn"',
        '}',
      ],
      related: ['config', 'config:check', 'gateway:reload', 'gateway:start'],
    }),
    ...ofFile('agent', AgentConfig, {
      summary: 'configuration of a tunnel agent',
      description: [
        'An agent keeps what it knows of its gateway in one JSON file, agent.json, which enrolment and renewal write. People may set routes, transport, quic_return and log_level in it; those and keys that are not listed here survive every enrolment. Flags go before their variables, variables before this file, and the file before the defaults.',
        'A running agent reads those four again on SIGHUP and by tunnel agent reload, without dropping a stream: other routes are advertised at once on the links that stand, and another transport takes over beside the one before. A file that is not good changes nothing.',
        'tunnel config shows what is in force and where it comes from, and tunnel config check judges a file. A JSON schema is docs/agent.schema.json.',
      ],
      example: ['"routes": ["10.0.0.0/24", "*.corp.example"],', '"transport": "tls",', '"quic_return": "1m",', '"log_level": "debug"'],
      related: ['agent:enroll', 'agent:reload', 'agent:start', 'config', 'config:check'],
    }),
  ]);
  for (const command of shown) files.set(`man/${pageName(command.id)}.1`, commandPage(command, siblings(command.id, shown)));
  return files;
}

/** The JSON schema of a file, and its page of the manual. */
function ofFile(
  role: 'gateway' | 'agent',
  shape: z.ZodType,
  { related, ...text }: { summary: string; description: readonly string[]; example: readonly string[]; related: readonly string[] },
): [string, string][] {
  const schema = z.toJSONSchema(shape, { io: 'input' });
  const name = `tunnel-${role}.conf`;
  const pages = { commands: related.map(pageName), files: [role === 'agent' ? 'tunnel-gateway.conf' : 'tunnel-agent.conf'] };
  return [
    [`docs/${role}.schema.json`, json({ title: `${role}.json of tunnel`, ...schema })],
    [`man/${name}.5`, configPage({ name, file: `${role}.json`, schema, ...text, related: pages })],
  ];
}

function siblings(id: string, commands: readonly Command.Cached[]): string[] {
  const topic = id.split(':')[0];
  return commands.map((other) => other.id).filter((other) => other.split(':')[0] === topic);
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
