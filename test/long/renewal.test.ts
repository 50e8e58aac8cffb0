// A certificate of half a minute (FULL=1: of a minute) under a running transfer, and what is left of an agent that was away for longer than that.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { auditRows } from '../support/audit-rows.ts';
import { connectTo, startChain } from '../support/chain.ts';
import { start, succeed, tunnel } from '../support/cli.ts';
import { codeOf } from '../support/enrolment-stand.ts';
import { adminOf } from '../support/fleet.ts';
import { identityOnDisk } from '../support/identity-on-disk.ts';
import { noSmallDisk, smallDisk } from '../support/small-disk.ts';
import { dial, pattern, patternSha256, readToEnd, startTarget } from '../support/tcp.ts';

const LIFE_S = process.env['FULL'] === '1' ? 60 : 30;

for (const transport of ['quic', 'tls'] as const) {
  test(`${transport}: renewed twice in time under a transfer with the right hash; then away until the end, which is said`, async (t) => {
    const chain = await startChain(t, { gatewayFlags: ['--agent-cert-lifetime', `${LIFE_S}s`], env: { TUNNEL_AGENT_TRANSPORT: transport } });
    const bytes = 64 * 1024 * 1024;
    const parts = [...pattern(bytes)];
    const tookMs = LIFE_S * 1000 * 1.6; // beyond the end of the first certificate, and beyond two renewals
    const target = await startTarget(t, (socket) => {
      const begun = performance.now();
      let sent = 0;
      const timer = setInterval(() => {
        for (const due = ((performance.now() - begun) / tookMs) * parts.length; sent < due && sent < parts.length; sent += 1) socket.write(parts[sent] ?? '');
        if (sent < parts.length) return;
        clearInterval(timer);
        socket.end();
      }, 20);
      socket.once('close', () => clearInterval(timer));
    });
    const first = identityOnDisk(chain.agentFolder);
    const { port } = await connectTo(t, chain, `127.0.0.1:${target}`);
    assert.deepEqual(await readToEnd(await dial(t, port)), { bytes, sha256: patternSha256(bytes), end: 'fin' });
    const rows = await auditRows(chain.gatewayFolder);
    const renewals = rows.filter(({ code }) => code === 'agent.renewed');
    assert.ok(renewals.length >= 2, `${renewals.length} renewals`);
    assert.deepEqual(
      rows.filter(({ code }) => /refused/.test(code)),
      [],
    );
    t.diagnostic(`${renewals.length} renewals within ${Math.round(tookMs / 1000)} s`);
    const last = identityOnDisk(chain.agentFolder);
    assert.equal(last.spkiSha256, first.spkiSha256);
    assert.ok(Date.now() > first.notAfter, 'the first certificate has ended meanwhile');

    await chain.agent.stop();
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, last.notAfter - Date.now()) + 1000));
    const late = start(t, ['agent', 'start', '--data-dir', chain.agentFolder], { env: { TUNNEL_AGENT_TRANSPORT: transport } });
    await assert.rejects(late.event('ready'), /certificate\.expired.*Enrol again/s);
    if (late.child.exitCode === null) await once(late.child, 'exit');
    assert.equal(late.child.exitCode, 3);
    const refused = (await auditRows(chain.gatewayFolder)).filter(({ code }) => code === 'link.refused');
    assert.equal(refused.length, 1, 'one attempt, audited');
    const onDemand = await tunnel(['agent', 'renew', '--data-dir', chain.agentFolder, '--json']);
    assert.deepEqual([onDemand.code, codeOf(onDemand)], [3, 'certificate.expired']);
  });
}

test('a disk that fills under an agent: its link goes on, agent status says what keeps it from renewing, and it renews when it can', {
  skip: noSmallDisk(),
}, async (t) => {
  const disk = await smallDisk(t, '4m');
  const { on } = disk;
  const dataDir = join(disk.path, 'ag');
  const chain = await startChain(t, { gatewayFlags: ['--agent-cert-lifetime', '60s'] });
  const { token } = await adminOf(chain).mintToken({ kind: 'agent', name: 'web2', routes: ['127.0.0.2/32'], expires_ms: 3_600_000, replace: false }, t.signal);
  await succeed(['agent', 'enroll', '--token-file', '-', '--data-dir', dataDir], { on, input: token });
  await start(t, ['agent', 'start', '--data-dir', dataDir], { on }).event('ready');
  const status = async () => (await succeed(['agent', 'status', '--data-dir', dataDir, '--json'], { on })).json();
  const { not_after } = await status();
  disk.fill();
  let failed: Record<string, unknown>;
  do failed = await status();
  while (failed['renewal_error'] === null);
  assert.match(JSON.stringify(failed['renewal_error']), /"code":"file\.failed"/);
  assert.deepEqual([failed['state'], failed['not_after']], ['online', not_after]);
  disk.free();
  let mended: Record<string, unknown>;
  do mended = await status();
  while (mended['renewal_error'] !== null);
  assert.ok(String(mended['not_after']) > String(not_after));
  assert.equal(mended['state'], 'online');
});
