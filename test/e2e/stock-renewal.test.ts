// A version 1 agent renews only right after it has linked: in the last 15 days of its year the gateway, its clock moved by the test, ends its idle link, and it comes back and renews.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { initCa } from '../../src/lib/gateway/data-folder.ts';
import { startGateway } from '../../src/lib/gateway/start.ts';
import { makeCsr } from '../../src/lib/pki/csr.ts';
import { generateKeyPem } from '../../src/lib/pki/keys.ts';
import { decodeV1FromGateway, encodeV1Control } from '../../src/lib/protocol/v1-control.ts';
import { realWorld } from '../../src/lib/system/real-world.ts';
import { auditRows } from '../support/audit-rows.ts';
import { temporaryFolder } from '../support/cli.ts';
import { enrolOnceByHand } from '../support/enrol-by-hand.ts';
import { adminOf } from '../support/fleet.ts';
import { linkStock, readFrame } from '../support/stock-agent.ts';

// The gateway looks for ends as often as the certificates of its own agents demand.
const DAY_MS = 86_400_000;

test('a stock agent is sent away once in its last 15 days, comes back, renews for a year, and people are told', async (t) => {
  const real = realWorld({ level: 'silent' });
  let moved = 0;
  const world = { ...real, clock: { ...real.clock, now: () => real.clock.now() + moved } };
  const gatewayFolder = join(temporaryFolder(t), 'gw');
  await initCa(gatewayFolder, world);
  const gateway = await startGateway({ dataDir: gatewayFolder, listen: '127.0.0.1:0', agentCertLifetime: '30s' }, world);
  t.after(() => gateway.close({ graceMs: 0 }));
  const admin = adminOf({ gatewayFolder });
  const { token } = await admin.mintToken({ kind: 'agent', name: 'stock1', routes: ['127.0.0.0/8'], expires_ms: 3_600_000 }, t.signal);
  const privateKeyPem = await generateKeyPem();
  const answer = await enrolOnceByHand(gateway.url, token, privateKeyPem, 'stock1');
  const first = new X509Certificate(String(answer['client_cert_pem']));
  const listed = async () =>
    (await admin.listAgents({ limit: 10 }, t.signal)).agents.map(({ state, not_after, expires_soon }) => [state, not_after, expires_soon]);
  const end = (certificate: X509Certificate) => certificate.validToDate.toISOString();

  const { link } = await linkStock(t, answer, privateKeyPem);
  assert.deepEqual(await listed(), [['online', end(first), false]]);
  moved = 351 * DAY_MS;
  const { by, reason } = await link.closed;
  assert.deepEqual([by, reason], ['peer', 'its certificate ends soon: dial again and renew it']);
  assert.deepEqual(
    (await listed()).map(([, ...rest]) => rest),
    [[end(first), true]],
  );

  const { control } = await linkStock(t, answer, privateKeyPem);
  const asked = encodeV1Control({ kind: 'cert-renewal-request', csrPem: await makeCsr(privateKeyPem, 'stock1') });
  const length = Buffer.alloc(4);
  length.writeUInt32BE(asked.length);
  control.write(Buffer.concat([length, asked]));
  const { message } = decodeV1FromGateway(await readFrame(control));
  assert.ok(message?.kind === 'cert-renewal-granted', JSON.stringify(message));
  const renewed = new X509Certificate(message.certificatePem);
  assert.deepEqual(renewed.publicKey, first.publicKey);
  const days = (renewed.validToDate.getTime() - world.clock.now()) / DAY_MS;
  assert.ok(days > 364.9 && days <= 365, `${days} days`);

  const rows = (await auditRows(gatewayFolder)).filter(({ subject }) => subject === 'agent:stock1').map(({ code }) => code);
  for (const code of ['agent.certificate-expiring', 'agent.renewed']) assert.equal(rows.filter((one) => one === code).length, 1, code);
});
