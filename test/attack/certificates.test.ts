// Certificates shown by clients written by hand, over both transports, to a real gateway: nobody is let in who should not be, and each refusal is audited with its reason.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import type { JsonGeneralName } from '@peculiar/x509';
import { generateKeyPem } from '../../src/lib/pki/keys.ts';
import { lackingAioquic, type Shown, type ShownTo, show } from '../support/aioquic.ts';
import { type AuditRow, auditRows } from '../support/audit-rows.ts';
import { type Chain, connectTo, startChain } from '../support/chain.ts';
import { succeed } from '../support/cli.ts';
import { edgePid } from '../support/edge-pid.ts';
import { caOf, forge, type Issuer, lookalike, turned } from '../support/forged-certificates.ts';
import { type EnrolledAgent, enrolAgent } from '../support/second-agent.ts';
import { dial, patternSha256, readToEnd, sendPattern, startTarget } from '../support/tcp.ts';

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const TRANSFER_BYTES = 4 * 1024 * 1024;
const WHOLE = { end: 'fin', bytes: TRANSFER_BYTES, sha256: patternSha256(TRANSFER_BYTES) };

/** What the gateway must write down, by transport: QUIC's engine knows alerts only, OpenSSL says more. */
type Why = { readonly quic: RegExp; readonly tls: RegExp };
const both = (why: RegExp): Why => ({ quic: why, tls: why });
const NOT_GOOD = both(/is not, or no longer, good/);
const TWO_LEAVES = both(/another leaf behind it/);
const UNPROVEN: Why = { quic: /decrypt_error/, tls: /signature/ };
const UNKNOWN_ISSUER: Why = { quic: /unknown_ca|bad_certificate|decrypt_error|TLS alert/, tls: /SELF_SIGNED|SIGNATURE_FAILURE|no CA of ours/ };

interface Case extends Omit<Shown, 'name'> {
  readonly why: Why;
}

const read = (file: string) => readFileSync(file, 'utf8');
const der = (pem: string) => new X509Certificate(pem).raw;
const idOf = (id: string): JsonGeneralName => ({ type: 'url', value: `urn:uuid:${id}` });
const agentIdOf = (pem: string) => /urn:uuid:([0-9a-f-]{36})/.exec(new X509Certificate(pem).subjectAltName ?? '')?.[1] ?? '';
const keysOf = ({ certificateFile, keyFile }: EnrolledAgent): Issuer => ({ certificatePem: read(certificateFile), privateKeyPem: read(keyFile) });

async function wrongOnes(chain: Chain, mine: Issuer, deleted: Issuer): Promise<Record<string, Case>> {
  const ca = caOf(chain.gatewayFolder);
  const web1 = read(join(chain.agentFolder, 'identity-1', 'cert.pem'));
  const victim = [idOf(agentIdOf(web1))];
  const key = await generateKeyPem();
  const otherCa = await lookalike(ca.certificatePem, await generateKeyPem());
  const selfSigned = { certificatePem: web1, privateKeyPem: key };
  const signed = async (why: Why, wish: Parameters<typeof forge>[2], issuer = ca, behind: readonly string[] = []): Promise<Case> => ({
    chain: [der(await forge(issuer, key, wish)), ...behind.map(der)],
    keyPem: key,
    why,
  });
  const shown = (why: Why, keyPem: string | null, ...chain: readonly Uint8Array[]): Case => ({ why, keyPem, chain });
  const serial = new X509Certificate(web1).serialNumber;
  return {
    'self-signed, naming another agent whose real certificate is behind it': await signed(UNKNOWN_ISSUER, { names: victim }, selfSigned, [web1]),
    "self-signed, in the CA's name": await signed(UNKNOWN_ISSUER, { names: victim }, { ...ca, privateKeyPem: key }),
    "another agent's, without its key": shown(UNPROVEN, key, der(web1)),
    "two leaves: another agent's, then one's own": shown(UNPROVEN, mine.privateKeyPem, der(web1), der(mine.certificatePem)),
    "two leaves: one's own, then another agent's": shown(TWO_LEAVES, mine.privateKeyPem, der(mine.certificatePem), der(web1)),
    "three: one's own, the CA's, then another agent's": shown(TWO_LEAVES, mine.privateKeyPem, der(mine.certificatePem), der(ca.certificatePem), der(web1)),
    'signed by an agent': await signed(UNKNOWN_ISSUER, { names: victim }, mine, [mine.certificatePem]),
    'signed by an agent, with the CA behind it': await signed(UNKNOWN_ISSUER, { names: victim }, mine, [mine.certificatePem, ca.certificatePem]),
    expired: await signed({ quic: /certificate_expired/, tls: /CERT_HAS_EXPIRED/ }, { names: victim, from: -30, until: -1 }),
    'not yet valid': await signed({ quic: /bad_certificate|certificate_expired/, tls: /CERT_NOT_YET_VALID/ }, { names: victim, from: 1 }),
    'for servers': await signed(
      { quic: /unsupported_certificate|client certificate/, tls: /INVALID_PURPOSE|client certificate/ },
      { names: victim, usages: [SERVER_AUTH] },
    ),
    'for everything but clients': await signed(
      { quic: /unsupported_certificate|client certificate/, tls: /INVALID_PURPOSE|client certificate/ },
      { names: victim, usages: ['1.3.6.1.5.5.7.3.3', '1.3.6.1.5.5.7.3.4'] },
    ),
    'any purpose': await signed(
      { quic: /unsupported_certificate|client certificate/, tls: /INVALID_PURPOSE|client certificate/ },
      { names: victim, usages: ['2.5.29.37.0'] },
    ),
    'without a purpose': await signed(both(/client certificate/), { names: victim, usages: [] }),
    'a name, but no SAN': await signed(both(/names nobody/), { commonName: 'web1', names: [] }),
    'a common name that is an id': await signed(both(/names nobody/), { commonName: victim[0]?.value ?? '', names: [] }),
    'a CA by its own word': await signed(both(/CA certificate|invalid ca|unsupported_certificate|INVALID/i), { names: victim, ca: true }),
    'two ids': await signed(both(/more than one agent id/), { names: [...victim, idOf(agentIdOf(mine.certificatePem))] }),
    'the same id twice': await signed(both(/more than one agent id/), { names: [...victim, ...victim] }),
    'a urn of another kind': await signed(both(/no agent id/), { names: [{ type: 'url', value: 'urn:oid:1.3.6.1' }] }),
    'an id in a DNS name': await signed(both(/no agent id/), { names: [{ type: 'dns', value: victim[0]?.value ?? '' }] }),
    'an id in a mail address': await signed(both(/no agent id/), { names: [{ type: 'email', value: victim[0]?.value ?? '' }] }),
    'an id behind a comma': await signed(both(/no agent id|malformed/), { names: [{ type: 'url', value: `urn:x:1, URI:${victim[0]?.value}` }] }),
    'an id in upper case': await signed(both(/malformed/), { names: [idOf(agentIdOf(web1).toUpperCase())] }),
    'an id without dashes': await signed(both(/malformed/), { names: [idOf(agentIdOf(web1).replaceAll('-', ''))] }),
    'an id and more': await signed(both(/no agent id|malformed/), { names: [{ type: 'url', value: `${victim[0]?.value}\u0000` }] }),
    'good, but never issued': await signed(NOT_GOOD, { names: victim }),
    "another agent's id and serial, with another key": await signed(NOT_GOOD, { names: victim, serial }),
    'of an agent that nobody knows': await signed(NOT_GOOD, { names: [idOf('00112233-4455-4677-8899-aabbccddeeff')] }),
    'of another CA with the name, serial and key id of this one': await signed(UNKNOWN_ISSUER, { names: victim }, otherCa, [otherCa.certificatePem]),
    "the CA's own, without its key": shown(both(/./), key, der(ca.certificatePem)),
    "the gateway's own, with its key": shown(
      { quic: /unsupported_certificate|client certificate/, tls: /INVALID_PURPOSE|client certificate/ },
      read(join(chain.gatewayFolder, 'server-key.pem')),
      der(read(join(chain.gatewayFolder, 'server-cert.pem'))),
    ),
    'of a deleted agent': shown(NOT_GOOD, deleted.privateKeyPem, der(deleted.certificatePem)),
    'of a deleted agent, its signature turned (r, n - s)': shown(NOT_GOOD, deleted.privateKeyPem, turned(deleted.certificatePem)),
    'of a deleted agent, with its own old one behind it': shown(TWO_LEAVES, deleted.privateKeyPem, turned(deleted.certificatePem), der(deleted.certificatePem)),
    'bytes that are no certificate': shown(both(/./), key, Buffer.from('3003020101', 'hex')),
    'one of no bytes': shown(both(/./), key, new Uint8Array(0)),
    none: shown({ quic: /certificate_required/, tls: /showed no certificate/ }, null),
  };
}

const skip = lackingAioquic();

describe('certificates that clients written by hand show', { skip }, () => {
  const cleanups: (() => unknown)[] = [];
  const answers: ShownTo[] = [];
  let chain: Chain;
  let cases: Record<string, Case>;
  let good: Shown[];
  let rows: AuditRow[];
  let pidBefore: number;
  let port: number;
  const shownBy = (name: string) => answers.filter((answer) => answer.name === name);
  const refused = (transport: string) => rows.filter(({ code, detail }) => code === 'link.refused' && detail['transport'] === transport);

  before(async () => {
    const context = { after: (cleanup: () => unknown) => cleanups.push(cleanup), signal: new AbortController().signal } as unknown as TestContext;
    chain = await startChain(context);
    const [hostile, gone] = [await enrolAgent(chain, 'hostile'), await enrolAgent(chain, 'gone')];
    const mine = keysOf(hostile);
    await succeed(['agent', 'delete', 'gone', '--data-dir', chain.gatewayFolder]);
    const target = await startTarget(context, (socket) => sendPattern(socket, TRANSFER_BYTES));
    ({ port } = await connectTo(context, chain, `127.0.0.1:${target}`));
    cases = await wrongOnes(chain, mine, keysOf(gone));
    pidBefore = await edgePid(chain);
    const known = (await auditRows(chain.gatewayFolder)).at(-1)?.seq ?? 0;
    const at = { host: hostile.udp.address, udp: hostile.udp.port, tcp: Number(new URL(String(chain.ready['url'])).port) };
    const wrong = Object.entries(cases).map(([name, { chain: shown, keyPem }]) => ({ name, chain: shown, keyPem }));
    answers.push(...(await show(context, { ...at, seconds: 10 }, wrong)));
    good = goodOnes(mine, caOf(chain.gatewayFolder));
    answers.push(...(await show(context, { ...at, seconds: 0.5 }, good)));
    rows = await auditRows(chain.gatewayFolder, known);
  });
  after(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
  });

  test('each of them is refused over both transports', () => {
    for (const name of Object.keys(cases)) {
      assert.deepEqual(
        shownBy(name).map(({ transport, ended }) => [transport, ended !== null]),
        [
          ['quic', true],
          ['tls', true],
        ],
        name,
      );
    }
  });

  for (const transport of ['quic', 'tls'] as const) {
    test(`each refusal is audited with its reason: ${transport}`, (t) => {
      const seen = refused(transport).slice(0, Object.keys(cases).length);
      const expected = Object.entries(cases);
      for (const [index, { detail }] of seen.entries()) t.diagnostic(`${expected[index]?.[0]}: ${detail['reason']}`);
      assert.equal(seen.length, expected.length);
      for (const [index, [name, { why }]] of expected.entries()) assert.match(String(seen[index]?.detail['reason']), why[transport], name);
    });
  }

  test('nobody was linked but who proved its own certificate, also with its signature turned', () => {
    const linked = rows.filter(({ code }) => code === 'link.opened').map(({ subject, detail }) => `${subject} ${detail['transport']}`);
    assert.deepEqual(
      linked,
      good.flatMap(() => ['agent:hostile quic', 'agent:hostile tls']),
    );
    for (const { name } of good) {
      assert.deepEqual(
        shownBy(name).map(({ completed, ended }) => ({ completed, ended })),
        [
          { completed: true, ended: null },
          { completed: true, ended: null },
        ],
        name,
      );
    }
  });

  test('gateway and honest agent are unharmed', async (t) => {
    assert.equal(await edgePid(chain), pidBefore);
    assert.deepEqual(
      rows.filter(({ code, subject }) => code === 'link.closed' && subject === 'agent:web1'),
      [],
    );
    assert.deepEqual(await readToEnd(await dial(t, port)), WHOLE);
    assert.doesNotMatch(chain.gateway.stderr(), /uncaught|unhandled/i);
  });
});

/** Proofs that the client can get in: without them refusing everybody would pass. */
function goodOnes(mine: Issuer, ca: Issuer): Shown[] {
  return [
    { name: 'its own, with the CA behind it', chain: [der(mine.certificatePem), der(ca.certificatePem)], keyPem: mine.privateKeyPem },
    { name: 'its own', chain: [der(mine.certificatePem)], keyPem: mine.privateKeyPem },
    { name: 'its own, signature turned', chain: [turned(mine.certificatePem)], keyPem: mine.privateKeyPem },
  ];
}
