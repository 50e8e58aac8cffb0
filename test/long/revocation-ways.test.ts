// Every command that takes something back, in the three ways in which an administrator may give it. Long by the number of processes.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { startChain } from '../support/chain.ts';
import { succeed, tunnel } from '../support/cli.ts';
import { enrolFleet } from '../support/fleet.ts';

const REASON = 'laptop stolen, ticket 4711';

test('all of it in three ways: on the running gateway, by an administrator elsewhere, and on the data folder alone', async (t) => {
  const chain = await startChain(t);
  const adminFolder = join(chain.folder, 'admin');
  const mint = ['token', 'mint', '--data-dir', chain.gatewayFolder, '--kind'];
  await succeed([...mint, 'admin', '--name', 'root', '--out', join(chain.folder, 'root.token')]);
  await succeed(['login', '--token-file', join(chain.folder, 'root.token'), '--config-dir', adminFolder]);
  const fleet = await enrolFleet(t, chain, 3);
  const ways = [
    ['--data-dir', chain.gatewayFolder],
    ['--config-dir', adminFolder],
    ['--data-dir', chain.gatewayFolder],
  ] as const;
  for (const [index] of ways.entries()) {
    const operator = `op${index}`;
    await succeed([...mint, 'operator', '--name', operator, '--out', join(chain.folder, `${operator}.token`)]);
    await succeed(['login', '--token-file', join(chain.folder, `${operator}.token`), '--config-dir', join(chain.folder, operator)]);
  }
  for (const [index, way] of ways.entries()) {
    const [agent, operator] = [fleet.names[index] ?? '', `op${index}`];
    const say = async (...args: readonly string[]) => (await succeed([...args, ...way, '--json'])).json();
    if (index === 2) await chain.gateway.stop();
    await say('agent', 'set', agent, '--ports', '22');
    assert.equal((await say('lock', 'agent', agent, '--reason', REASON))['reason'], REASON);
    assert.deepEqual([(await say('agent', 'show', agent))['state'], (await say('agent', 'show', agent))['ports']], ['locked', ['22']]);
    await say('unlock', 'agent', agent);
    await say('lock', 'operator', operator);
    const listed = (await say('operator', 'list'))['operators'] as Record<string, unknown>[];
    assert.ok(listed.find(({ name }) => name === operator)?.['lock']);
    await say('unlock', 'operator', operator);
    await say('lock', 'token', operator);
    await say('unlock', 'token', operator);
    await say('session', 'list');
    await say('agent', 'revoke', agent);
    assert.equal((await say('agent', 'show', agent))['state'], 'revoked');
    await say('agent', 'delete', agent);
    assert.equal((await tunnel(['agent', 'show', agent, ...way])).code, 5);
    await say('operator', 'delete', operator);
    assert.equal((await tunnel(['lock', 'operator', operator, ...way])).code, 5);
  }
});
