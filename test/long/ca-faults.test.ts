// kill -9 at every write of a rotation of the CA, with and without a gateway that runs: the CA before or the new one is in force, whole, and the same command says which.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startAgent } from '../../src/lib/agent/start.ts';
import { dataFolder, loadKeys } from '../../src/lib/gateway/data-folder.ts';
import { generateKeyPem, publicSpki } from '../../src/lib/pki/keys.ts';
import { issueServerLeaf } from '../../src/lib/pki/leaf.ts';
import { realWorld } from '../../src/lib/system/real-world.ts';
import { startChain } from '../support/chain.ts';
import { start, succeed, temporaryFolder, tunnel } from '../support/cli.ts';
import { type Fault, faultPoints } from '../support/fault-points.ts';

const FULL = process.env['FULL'] === '1';
/** Beyond any rotation: if it is reached, points are not what ends the loop. */
const MOST_POINTS = 200;
const world = realWorld({ level: 'silent' });

/** The CA of a folder, which must be able to issue. */
async function caOf(directory: string, passphrase: string): Promise<{ pin: string; previous: string | undefined }> {
  const { authority } = await loadKeys(dataFolder(directory), world.files, { now: world.clock.now, passphrase });
  const wanted = { spki: publicSpki(await generateKeyPem()), names: ['gw.example'], now: world.clock.now(), lifetimeMs: 60_000 };
  const leaf = new X509Certificate((await issueServerLeaf(authority, wanted)).certificatePem);
  assert.ok(leaf.verify(new X509Certificate(authority.certificatePem).publicKey));
  return { pin: authority.spkiSha256, previous: authority.previous?.spkiSha256 };
}

const EVERY = FULL ? 1 : 3;
for (const [fault, what] of [
  ['kill', 'rotate'],
  ...(FULL ? ([['torn', 'rotate']] as const) : []),
  ['ENOSPC', 'rotate'],
  ['kill', 'finish'],
] satisfies (readonly [Fault, string])[]) {
  test(`${fault} at ${FULL ? 'every write' : 'one in three writes'} of ca ${what === 'finish' ? 'rotate --finish' : 'rotate'} on a folder`, async (t) => {
    const folder = temporaryFolder(t);
    const passphrase = 'correct horse';
    const template = join(folder, 'template');
    const command = async (dataDir: string, flags: readonly string[], env: NodeJS.ProcessEnv = {}) =>
      await tunnel(['ca', 'rotate', '--data-dir', dataDir, '--passphrase-file', '-', '--json', ...flags], { input: passphrase, env });
    await succeed(['ca', 'init', '--data-dir', template, '--passphrase-file', '-'], { input: passphrase });
    if (what === 'finish') assert.equal((await command(template, [])).code, 0);
    const before = await caOf(template, passphrase);
    const flags = what === 'finish' ? ['--finish'] : [];
    for (let at = 1; ; at += EVERY) {
      assert.ok(at < MOST_POINTS);
      const dataDir = join(folder, `gw${at}`);
      cpSync(template, dataDir, { recursive: true });
      chmodSync(dataDir, 0o700);
      const points = faultPoints(join(folder, `faults${at}`));
      points.arm(at, fault);
      const first = await command(dataDir, flags, points.env);
      const seen = points.seen();
      if (seen.length < at) {
        t.diagnostic(`${Math.ceil((at - 1) / EVERY)} of ${seen.length} points, 0 broken states`);
        assert.equal(first.code, 0);
        assert.ok(at > 10, `only ${seen.length}`);
        return;
      }
      const where = `point ${at}, ${seen.at(-1)}`;
      const after = await caOf(dataDir, passphrase).catch((error: unknown) => assert.fail(`${where}: ${error}`));
      const again = await command(dataDir, flags);
      const changed = what === 'finish' ? after.previous === undefined : after.pin !== before.pin;
      assert.equal(again.code, changed ? 8 : 0, `${where}: ${again.stdout}`);
      const settled = await caOf(dataDir, passphrase);
      assert.deepEqual([settled.previous === undefined, readdirSync(dataDir).filter((name) => /tmp$|next/.test(name))], [what === 'finish', []], where);
    }
  });
}

test(`kill -9 of a running gateway at ${FULL ? 'every write' : 'one in eight writes'} of a rotation: its agent is back after the restart`, async (t) => {
  const points = faultPoints(join(temporaryFolder(t), 'faults'));
  const chain = await startChain(t);
  await chain.agent.stop();
  await chain.gateway.stop();
  const copyOf = (template: string, at: number) => {
    const copy = `${template}${at}`;
    cpSync(template, copy, { recursive: true });
    for (const name of ['', ...readdirSync(copy).filter((name) => name.startsWith('identity-'))]) chmodSync(join(copy, name), 0o700);
    return copy;
  };
  let killed = 0;
  for (let at = 1; ; at += FULL ? 1 : 8) {
    assert.ok(at < MOST_POINTS);
    const [gatewayFolder, agentFolder] = [copyOf(chain.gatewayFolder, at), copyOf(chain.agentFolder, at)];
    const begin = ['gateway', 'start', '--data-dir', gatewayFolder, '--wait', '10s'];
    const gateway = start(t, begin, { env: points.env });
    await gateway.event('ready');
    const exited = once(gateway.child, 'exit');
    points.arm(at);
    const first = await tunnel(['ca', 'rotate', '--data-dir', gatewayFolder, '--json']);
    points.disarm();
    const seen = points.seen();
    if (seen.length < at) {
      t.diagnostic(`${killed} of ${seen.length} points, 0 broken states`);
      assert.equal(first.code, 0, first.stdout);
      return;
    }
    const where = `point ${at}, ${seen.at(-1)}`;
    await exited;
    killed += 1;
    const again = start(t, begin);
    await again.event('ready');
    await using agent = await startAgent({ dataDir: agentFolder }, world);
    await agent.online(AbortSignal.any([t.signal, AbortSignal.timeout(20_000)])).catch((error: unknown) => assert.fail(`${where}: ${error}`));
    await again.stop();
  }
});
