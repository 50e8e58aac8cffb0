// `agent renew` with the real CLI: a running agent and one that does not run, the same key and a new one, and no stream that notices.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { auditRows } from '../support/audit-rows.ts';
import { connectTo, startChain } from '../support/chain.ts';
import { tunnel } from '../support/cli.ts';
import { codeOf } from '../support/enrolment-stand.ts';
import { identityOnDisk } from '../support/identity-on-disk.ts';
import { dial, startTarget } from '../support/tcp.ts';

test('a running agent: same key, then a new one, while a stream stays open; then the agent stopped', async (t) => {
  const chain = await startChain(t, { gatewayFlags: ['--agent-cert-lifetime', '2m'] });
  const target = await startTarget(t, (socket) => void socket.pipe(socket));
  const { port } = await connectTo(t, chain, `127.0.0.1:${target}`);
  const client = (await dial(t, port)).on('error', () => {});
  const echoed = async (text: string) => {
    client.write(text);
    const [answer] = (await once(client, 'data')) as [Buffer];
    assert.equal(answer.toString(), text);
  };
  await echoed('before');
  /** Until the gateway's limit between two renewals has passed. */
  const renew = async (...flags: string[]): Promise<Record<string, unknown>> => {
    for (;;) {
      const { code, json, stdout } = await tunnel(['agent', 'renew', '--data-dir', chain.agentFolder, '--json', ...flags]);
      if (code === 9) continue;
      assert.equal(code, 0, stdout);
      return json();
    }
  };
  const serials = () => readdirSync(chain.agentFolder).filter((name) => name.startsWith('identity-'));

  const first = identityOnDisk(chain.agentFolder);
  const renewed = await renew();
  const second = identityOnDisk(chain.agentFolder);
  assert.deepEqual(renewed, {
    agent_id: first.agentId,
    name: 'web1',
    gateway: chain.ready['url'],
    not_after: new Date(second.notAfter).toISOString(),
    key_changed: false,
  });
  assert.notEqual(second.serial, first.serial);
  assert.equal(second.privateKeyPem, first.privateKeyPem);
  await echoed('after a renewal');

  const soon = await tunnel(['agent', 'renew', '--data-dir', chain.agentFolder, '--json']);
  assert.deepEqual([soon.code, codeOf(soon)], [9, 'limit.reached'], 'renewed a moment ago');
  assert.equal(await chain.agent.stop(), 0);
  assert.equal((await renew())['key_changed'], false);
  const between = identityOnDisk(chain.agentFolder);
  assert.equal((await renew('--rotate-key'))['key_changed'], true);
  const third = identityOnDisk(chain.agentFolder);
  assert.notEqual(third.spkiSha256, first.spkiSha256);
  assert.equal(third.agentId, first.agentId);
  assert.deepEqual(serials().length, 1, 'the old key is gone');

  const rows = (await auditRows(chain.gatewayFolder)).filter(({ code }) => /^agent\.(renew|key|certificate)/.test(code));
  const [refused, done] = [rows.filter(({ code }) => code === 'agent.renewal-refused'), rows.filter(({ code }) => code !== 'agent.renewal-refused')];
  assert.ok(refused.length > 0 && refused.every(({ detail }) => detail['code'] === 'limit.reached'));
  assert.deepEqual(
    done.map(({ code, detail }) => [code, detail['serial']]),
    [
      ['agent.renewed', second.serial],
      ['agent.certificate-replaced', first.serial],
      ['agent.renewed', between.serial],
      ['agent.certificate-replaced', second.serial],
      ['agent.key-rotated', third.serial],
      ['agent.certificate-replaced', between.serial],
    ],
  );
});

test('no agent here, no gateway: said, and nothing is changed', async (t) => {
  const chain = await startChain(t);
  const nobody = await tunnel(['agent', 'renew', '--data-dir', chain.operatorFolder, '--json']);
  assert.deepEqual([nobody.code, codeOf(nobody)], [3, 'agent.not-enrolled']);
  await chain.agent.stop();
  await chain.gateway.stop('SIGKILL');
  const before = identityOnDisk(chain.agentFolder);
  const alone = await tunnel(['agent', 'renew', '--rotate-key', '--data-dir', chain.agentFolder, '--json']);
  assert.ok([6, 7].includes(alone.code ?? 0), alone.stdout);
  assert.deepEqual(identityOnDisk(chain.agentFolder), before);
});
