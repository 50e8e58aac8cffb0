// What the environment may not do: switch the judging of certificates off, or have the keys of TLS connections written down.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { startChain } from '../support/chain.ts';
import { start, succeed, temporaryFolder, tunnel } from '../support/cli.ts';
import { codeOf } from '../support/enrolment-stand.ts';

/** Node warns of the first itself; that is all it does. */
const CARELESS = { NODE_TLS_REJECT_UNAUTHORIZED: '0' };

async function gatewayOf(t: TestContext, listen = '127.0.0.1:0') {
  const folder = temporaryFolder(t);
  const data = join(folder, 'gw');
  await succeed(['ca', 'init', '--data-dir', data]);
  const gateway = start(t, ['gateway', 'start', '--data-dir', data, '--listen', listen]);
  const { tcp } = await gateway.event('ready');
  return { folder, data, gateway, at: String(tcp) };
}

test('NODE_TLS_REJECT_UNAUTHORIZED=0: another gateway at the same address gets neither login, link nor string', async (t) => {
  const real = await gatewayOf(t);
  const mint = async (kind: string, name: string) => (await succeed(['token', 'mint', '--data-dir', real.data, '--kind', kind, '--name', name])).stdout;
  const [op, ag] = [join(real.folder, 'op'), join(real.folder, 'ag')];
  await succeed(['login', '--token-file', '-', '--config-dir', op], { input: await mint('operator', 'alice') });
  await succeed(['agent', 'enroll', '--token-file', '-', '--data-dir', ag], { input: await mint('agent', 'web1') });
  const [login, enrolment] = [await mint('operator', 'bob'), await mint('agent', 'web2')];
  await real.gateway.stop();
  await gatewayOf(t, real.at); // another CA
  for (const [args, input, code] of [
    [['whoami', '--config-dir', op], '', 'certificate.refused'],
    [['login', '--token-file', '-', '--config-dir', join(real.folder, 'bob')], login, 'pin.mismatch'],
    [['agent', 'enroll', '--token-file', '-', '--data-dir', join(real.folder, 'web2')], enrolment, 'pin.mismatch'],
    [['agent', 'renew', '--data-dir', ag], '', 'certificate.refused'],
  ] as const) {
    const finished = await tunnel([...args, '--json'], { input, env: CARELESS });
    assert.deepEqual([finished.code, codeOf(finished)], [3, code], args.join(' '));
  }
});

test('SSLKEYLOGFILE: nobody writes to it, on either side, over QUIC and TLS', async (t) => {
  const file = join(temporaryFolder(t), 'keys');
  const chain = await startChain(t, { env: { SSLKEYLOGFILE: file }, gatewayEnv: { SSLKEYLOGFILE: file } });
  await chain.agent.stop();
  for (const transport of ['quic', 'tls']) {
    const agent = start(t, ['agent', 'start', '--data-dir', chain.agentFolder, '--transport', transport], { env: { SSLKEYLOGFILE: file } });
    await agent.event('ready');
    await agent.stop();
  }
  await succeed(['whoami', '--config-dir', chain.operatorFolder], { env: { SSLKEYLOGFILE: file } });
  assert.ok(!existsSync(file));
});
