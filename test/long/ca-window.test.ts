// A window that ends by itself under a running gateway whose own certificate lives half a minute: agent, operator and one transfer go through all of it.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { chmodSync, cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { auditRows } from '../support/audit-rows.ts';
import { connectTo, startChain } from '../support/chain.ts';
import { succeed, tunnel } from '../support/cli.ts';
import { codeOf } from '../support/enrolment-stand.ts';
import { dial, pattern, patternSha256, readToEnd, startTarget } from '../support/tcp.ts';

const SERVER_LIFE_S = 30;
const WINDOW_S = 45;
/** Beyond the window, and beyond the end of the server's first two certificates. */
const TRANSFER_MS = 80_000;
/** An agent is renewed once in ten seconds, its enrolment included. */
const RENEWALS_APART_MS = 11_000;
const BYTES = 32 * 1024 * 1024;

test('the window ends by itself, the server certificate is renewed twice, a transfer goes through it', async (t) => {
  const chain = await startChain(t, { gatewayFlags: ['--server-cert-lifetime', `${SERVER_LIFE_S}s`] });
  const { gatewayFolder, operatorFolder, folder } = chain;
  const show = async () => (await succeed(['ca', 'show', '--data-dir', gatewayFolder, '--json'])).json();
  const serial = () => new X509Certificate(readFileSync(join(gatewayFolder, 'server-cert.pem'))).serialNumber;
  const parts = [...pattern(BYTES)];
  const target = await startTarget(t, (socket) => {
    const begun = performance.now();
    let sent = 0;
    const timer = setInterval(() => {
      for (const due = ((performance.now() - begun) / TRANSFER_MS) * parts.length; sent < due && sent < parts.length; sent += 1)
        socket.write(parts[sent] ?? '');
      if (sent < parts.length) return;
      clearInterval(timer);
      socket.end();
    }, 20);
    socket.once('close', () => clearInterval(timer));
  });
  const { port } = await connectTo(t, chain, `127.0.0.1:${target}`);
  const stale = join(folder, 'stale-op');
  cpSync(operatorFolder, stale, { recursive: true });
  chmodSync(stale, 0o700);
  const serials = new Set([serial()]);
  const looking = setInterval(() => serials.add(serial()), 500);
  t.signal.addEventListener('abort', () => clearInterval(looking));
  const transfer = readToEnd(await dial(t, port));

  await pause(RENEWALS_APART_MS); // one that was enrolled a moment ago is refused, and asks again after the end of this window
  const first = String((await show())['spki_sha256']);
  await succeed(['ca', 'rotate', '--data-dir', gatewayFolder, '--window', `${WINDOW_S}s`]);
  const begun = performance.now();
  let during = await show();
  while (during['agents_behind'] !== 0) during = await show();
  await succeed(['whoami', '--config-dir', operatorFolder]); // learns of the new CA
  while (during['previous'] !== null) during = await show();
  const endedAfterMs = performance.now() - begun;
  assert.notEqual(during['spki_sha256'], first);
  const received = await transfer;
  clearInterval(looking);
  assert.deepEqual(received, { bytes: BYTES, sha256: patternSha256(BYTES), end: 'fin' });
  const codes = (await auditRows(gatewayFolder)).map(({ code }) => code);
  assert.equal(codes.filter((code) => code === 'ca.rotation-ended').length, 1);
  assert.ok(serials.size >= 3, `${serials.size} server certificates`);
  t.diagnostic(
    `the window of ${WINDOW_S} s ended after ${Math.round(endedAfterMs / 1000)} s; ${serials.size} server certificates within ${TRANSFER_MS / 1000} s`,
  );

  const again = await dial(t, port); // the forward of before, a new channel
  assert.ok((await again[Symbol.asyncIterator]().next()).value.length > 0);
  again.destroy();
  await succeed(['whoami', '--config-dir', operatorFolder]);
  const refused = await tunnel(['whoami', '--config-dir', stale, '--json']);
  assert.deepEqual([refused.code, codeOf(refused)], [3, 'certificate.refused']);
});
