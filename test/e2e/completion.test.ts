// The completion scripts in the shells that they are for: commands, flags, choices, files, and names as the gateway knows them.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { sharedChain } from '../support/chain.ts';
import { BIN, run, succeed, temporaryFolder, tunnel } from '../support/cli.ts';
import { lacking } from '../support/programs.ts';
import { wholeSuite } from '../support/whole-suite.ts';

let folder: string;
let env: NodeJS.ProcessEnv;

/** What is typed, up to the cursor, and what must and must not be offered. */
const TYPED = [
  ['tunnel ag', ['agent'], ['audit']],
  ['tunnel agent li', ['list'], ['show']],
  ['tunnel agent list --li', ['--limit'], ['--json']],
  ['tunnel token list --state ', ['open', 'used', 'revoked'], ['agent']],
  ['tunnel agent show ', ['web1'], []],
  ['tunnel connect --agent ', ['web1'], []],
  ['tunnel connect --json --agent w', ['web1'], []],
  ['tunnel lock ', ['operator', 'session'], ['web1']],
  ['tunnel completion ', ['bash', 'zsh', 'fish'], []],
  ['tunnel check smo', ['smoke.yaml'], []],
  ['tunnel agent list --limit ', [], ['list', 'web1', 'smoke.yaml']],
] as const;

describe('completion', () => {
  const whole = wholeSuite();
  const chain = sharedChain();
  before(async () => {
    folder = temporaryFolder(whole);
    mkdirSync(join(folder, 'bin'));
    writeFileSync(join(folder, 'bin/tunnel'), `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`);
    chmodSync(join(folder, 'bin/tunnel'), 0o755);
    writeFileSync(join(folder, 'smoke.yaml'), '');
    for (const shell of ['bash', 'zsh', 'fish']) writeFileSync(join(folder, shell), (await succeed(['completion', shell])).stdout);
    env = { PATH: `${join(folder, 'bin')}:${process.env['PATH']}`, TUNNEL_CONFIG_DIR: chain().operatorFolder, HOME: folder, TERM: 'xterm' };
  });

  const offers = (shell: string, candidates: (typed: string) => Promise<string[]>) => {
    test(`in ${shell}`, { skip: lacking(shell) }, async (t) => {
      for (const [typed, wanted, unwanted] of TYPED) {
        await t.test(`${typed}<TAB>`, async () => {
          const offered = await candidates(typed);
          for (const word of wanted) assert.ok(offered.includes(word), `${word} is not among ${offered.join(' ')}`);
          for (const word of unwanted) assert.ok(!offered.includes(word), `${word} is among ${offered.join(' ')}`);
        });
      }
    });
  };

  offers('bash', async (typed) => {
    const words = typed.split(' ').map((word) => `'${word}'`);
    const script = `source ./bash; COMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}; _tunnel; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = await run('bash', ['--norc', '-c', script], { env, cwd: folder });
    assert.equal(stderr, '');
    return stdout.split('\n').map((line) => line.trim());
  });

  offers('fish', async (typed) => {
    const { stdout, stderr } = await run('fish', ['--no-config', '-c', `source ./fish; complete -C '${typed}'`], { env, cwd: folder });
    assert.equal(stderr, '');
    return stdout.split('\n').map((line) => line.split('\t')[0] ?? '');
  });

  // zsh completes on a terminal alone: a pseudo-terminal of its own, whose matches compadd is made to print.
  offers('zsh', async (typed) => {
    const script = `
      zmodload zsh/zpty
      zpty shell zsh -f -i
      zpty -w shell 'PROMPT=; autoload -Uz compinit; compinit -u -d ${join(folder, 'dump')}; source ./zsh'
      zpty -w shell 'compadd() { local -a hits; builtin compadd -O hits "$@"; print -r -- "HIT \${(j: HIT :)hits} END"; builtin compadd "$@" }'
      zpty -w shell 'zle-done() { print DONE-HERE }; zle -N zle-done; bindkey "^X" zle-done; bindkey "^I" complete-word; unsetopt automenu; print READY-$((1+1))'
      zpty -r shell said '*READY-2*'
      zpty -w -n shell ${JSON.stringify(typed)}$'\\t\\x18'
      zpty -r shell said '*DONE-HERE*'
      print -r -- "$said"
      zpty -d shell`;
    const { stdout } = await run('zsh', ['-f', '-c', script], { env, cwd: folder });
    const hits = [...stdout.replaceAll('\r', '').matchAll(/HIT ([\s\S]*?) END/g)].flatMap(([, list = '']) => list.split(/ HIT |\n/));
    return hits.map((hit) => hit.trim());
  });

  test('names are kept for a moment, beside the login; nothing where nobody is logged in', async (t) => {
    assert.ok(readdirSync(chain().operatorFolder).some((name) => name.startsWith('names-agents')));
    const nobody = temporaryFolder(t);
    const { code, stdout, stderr } = await tunnel(['complete', 'agents', '--config-dir', nobody]);
    assert.deepEqual([code, stdout, stderr, readdirSync(nobody)], [0, '', '', []]);
  });
});
