// The API client over real sockets: trust, first contact, deadlines, bounded answers, and what failures are called.
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { createHash, webcrypto } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, type TestContext, test } from 'node:test';
import * as x509 from '@peculiar/x509';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import type { World } from '../base/world.ts';
import { wayOut } from '../streams/dial-tls.ts';
import { realWorld } from '../system/real-world.ts';
import { apiClient } from './client.ts';
import { localExchange } from './exchange-local.ts';
import { fetchPinnedCa, tlsExchange } from './exchange-tls.ts';

const world = realWorld({ level: 'silent' });
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const HOUR = 3_600_000;

interface TestCa {
  pem: string;
  pin: string;
  issue(name: x509.JsonGeneralName, notAfter?: Date): Promise<{ cert: string; key: string }>;
}
let ca: TestCa;
let otherCa: TestCa;
before(async () => {
  ca = await makeCa();
  otherCa = await makeCa();
});

async function makeCa(): Promise<TestCa> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const dates = { notBefore: new Date(Date.now() - HOUR), notAfter: new Date(Date.now() + HOUR) };
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=test',
    keys,
    ...dates,
    signingAlgorithm: ALGORITHM,
    extensions: [new x509.BasicConstraintsExtension(true, 0, true)],
  });
  return {
    pem: certificate.toString('pem'),
    pin: createHash('sha256').update(Buffer.from(certificate.publicKey.rawData)).digest('hex'),
    async issue(name, notAfter = dates.notAfter) {
      const leaf = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
      const issued = await x509.X509CertificateGenerator.create({
        subject: 'CN=server',
        issuer: certificate.subject,
        notBefore: dates.notBefore,
        notAfter,
        publicKey: leaf.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: ALGORITHM,
        extensions: [new x509.SubjectAlternativeNameExtension([name]), new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth])],
      });
      const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', leaf.privateKey));
      return { cert: issued.toString('pem'), key: `-----BEGIN PRIVATE KEY-----\n${der.toString('base64')}\n-----END PRIVATE KEY-----\n` };
    },
  };
}

async function listen(t: TestContext, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  return port;
}

async function serve(
  t: TestContext,
  answer: RequestListener,
  { by = ca, name = { type: 'ip', value: '127.0.0.1' } as x509.JsonGeneralName, notAfter = new Date(Date.now() + HOUR) } = {},
): Promise<string> {
  const server = createHttpsServer({ ...(await by.issue(name, notAfter)), ALPNProtocols: ['http/1.1'] }, answer);
  t.after(() => server.closeAllConnections());
  return `https://127.0.0.1:${await listen(t, server)}`;
}

const whoami = { operator: 'alice', kind: 'admin', gateway: 'https://gw.example', agents: null, targets: null, expires_at: null } as const;
const answering =
  (status: number, body: unknown): RequestListener =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(typeof body === 'string' ? body : JSON.stringify(body));
  };
const clientOf = (url: string, trust: Parameters<typeof tlsExchange>[0]['trust'] = { caPem: ca.pem }, from: World = world) =>
  apiClient(tlsExchange({ url, trust, bearer: 'secret' }, wayOut(from)));

test('a verified server gets the request with its bearer, body and prefix', async (t) => {
  const seen: unknown[] = [];
  const url = await serve(t, (request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      seen.push([request.method, request.url, request.headers.authorization, request.headers.host, body]);
      answering(200, { token: 't', id: '01234567-89ab-cdef-0123-456789abcdef', kind: 'agent', name: 'web1', expires_at: '2026-01-01T00:00:00Z', warnings: [] })(
        request,
        response,
      );
    });
  });
  const minted = await clientOf(`${url}/at/`).mintToken({ kind: 'agent', name: 'web1', expires_ms: 1 }, t.signal);
  assert.equal(minted.token, 't');
  assert.deepEqual(seen, [['POST', '/at/api/v1/tokens', 'Bearer secret', new URL(url).host, '{"kind":"agent","name":"web1","expires_ms":1}']]);
});

test('names of agents and pages are written into paths safely', async (t) => {
  const seen: unknown[] = [];
  const url = await serve(t, (request, response) => {
    seen.push(`${request.method} ${request.url}`);
    answering(request.method === 'DELETE' ? 204 : 200, request.method === 'DELETE' ? '' : { agents: [], next: null })(request, response);
  });
  const client = clientOf(url);
  await client.deleteAgent('../tokens?x', t.signal);
  await client.listAgents({ after: 'a&b', limit: 5 }, t.signal);
  assert.deepEqual(seen, ['DELETE /api/v1/agents/..%2Ftokens%3Fx', 'GET /api/v1/agents?after=a%26b&limit=5']);
});

test('a server that cannot prove itself hears nothing', async (t) => {
  const requests: unknown[] = [];
  const record: RequestListener = (request, response) => {
    requests.push(request.url);
    answering(200, whoami)(request, response);
  };
  const servers: [string, string, Parameters<typeof clientOf>[1]][] = [
    ['of another CA', await serve(t, record, { by: otherCa }), { caPem: ca.pem }],
    ['not known to the system', await serve(t, record), 'system'],
    ['with another address', await serve(t, record, { name: { type: 'ip', value: '127.0.0.2' } }), { caPem: ca.pem }],
    ['with a name where an address was asked', await serve(t, record, { name: { type: 'dns', value: 'localhost' } }), { caPem: ca.pem }],
    ['expired', await serve(t, record, { notAfter: new Date(Date.now() - 1000) }), { caPem: ca.pem }],
  ];
  for (const [name, url, trust] of servers) await assert.rejects(clientOf(url, trust).whoami(t.signal), { code: 'certificate.refused' }, name);
  assert.deepEqual(requests, []);
});

test('a name is asked for by SNI and held against the certificate', async (t) => {
  const url = await serve(t, answering(200, whoami), { name: { type: 'dns', value: 'localhost' } });
  const v4 = { ...world, net: { ...world.net, resolve: async () => [{ address: '127.0.0.1', family: 4 as const }] } };
  assert.deepEqual(await clientOf(url.replace('127.0.0.1', 'localhost'), { caPem: ca.pem }, v4).whoami(t.signal), whoami);
});

test('first contact takes the pinned certificate and nothing else, sends no credential, and what follows is verified', async (t) => {
  const seen: unknown[] = [];
  const url = await serve(t, (request, response) => {
    seen.push([request.url, request.headers.authorization]);
    answering(200, request.url === '/api/v1/ca' ? { ca_pem: otherCa.pem + ca.pem } : whoami)(request, response);
  });
  const taken = await fetchPinnedCa(url, ca.pin, wayOut(world), t.signal);
  assert.equal(taken.match(/BEGIN CERTIFICATE/g)?.length, 1);
  const client = clientOf(url, { pin: ca.pin });
  assert.deepEqual(await client.whoami(t.signal), whoami);
  await client.whoami(t.signal);
  assert.deepEqual(seen, [
    ['/api/v1/ca', undefined],
    ['/api/v1/ca', undefined],
    ['/api/v1/whoami', 'Bearer secret'],
    ['/api/v1/whoami', 'Bearer secret'],
  ]);
});

test('one who shows the right CA but has no certificate of it gets no credential', async (t) => {
  const seen: unknown[] = [];
  const url = await serve(
    t,
    (request, response) => {
      seen.push(request.headers.authorization);
      answering(200, { ca_pem: otherCa.pem + ca.pem })(request, response);
    },
    { by: otherCa },
  );
  await assert.rejects(clientOf(url, { pin: ca.pin }).whoami(t.signal), { code: 'certificate.refused' });
  assert.deepEqual(seen, [undefined]);
});

test('another CA is pin.mismatch', async (t) => {
  const url = await serve(t, answering(200, { ca_pem: otherCa.pem }));
  await assert.rejects(fetchPinnedCa(url, ca.pin, wayOut(world), t.signal), { code: 'pin.mismatch' });
});

test('failures of the gateway keep their code, bare statuses get one', async (t) => {
  const told = (code: string) => ({ error: { code, message: 'no \u001b[31m', hint: 'do' } });
  const enrolled = { agent_id: '01234567-89ab-cdef-0123-456789abcdef', csr_pem: 'x' };
  const cases: [number, unknown, 'whoami' | 'login' | 'enroll', string][] = [
    [409, told('name.taken'), 'whoami', 'name.taken'],
    [500, told('never.heard'), 'whoami', 'internal'],
    [401, '', 'whoami', 'login.refused'],
    [401, '', 'login', 'string.refused'],
    [401, '', 'enroll', 'string.refused'],
    [409, '', 'enroll', 'id.taken'],
    [400, '', 'enroll', 'csr.refused'],
    [422, 'missing field', 'enroll', 'request.malformed'],
    [404, '', 'whoami', 'resource.unknown'],
    [429, '', 'whoami', 'limit.reached'],
    [500, '<html>', 'whoami', 'internal'],
    [302, '', 'whoami', 'internal'],
    [200, '<html>', 'whoami', 'protocol.violation'],
    [200, { operator: 7 }, 'whoami', 'protocol.violation'],
  ];
  for (const [status, body, method, code] of cases) {
    const client = clientOf(await serve(t, answering(status, body)));
    const calls = {
      enroll: () => client.enroll(enrolled, t.signal),
      login: () => client.login({ credential_sha256: '0'.repeat(64) }, t.signal),
      whoami: () => client.whoami(t.signal),
    };
    const call = calls[method]();
    await assert.rejects(call, { code }, `${status} ${JSON.stringify(body)}`);
  }
  await assert.rejects(clientOf(await serve(t, answering(403, told('policy.denied')))).whoami(t.signal), {
    code: 'policy.denied',
    message: 'no \\u001b[31m',
    hint: 'do',
  });
});

test('an endless answer is cut off', async (t) => {
  const url = await serve(t, (_, response) => {
    const more = () => {
      while (!response.destroyed && response.write('x'.repeat(65_536)));
    };
    response.on('drain', more);
    more();
  });
  await assert.rejects(clientOf(url).whoami(t.signal), { code: 'protocol.violation' });
});

test('who does not answer is gateway.silent: no TLS, no answer, half an answer', async (t) => {
  const dumb = createTcpServer((socket) => socket.on('error', () => {}).resume());
  const quiet = `https://127.0.0.1:${await listen(t, dumb)}`;
  const reached = Promise.withResolvers<void>();
  const halfway = Promise.withResolvers<void>();
  const mute = await serve(t, () => reached.resolve());
  const half = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('{', () => halfway.resolve());
  });
  for (const [url, ready] of [
    [quiet, new Promise((resolve) => dumb.once('connection', resolve))],
    [mute, reached.promise],
    [half, halfway.promise],
  ] as const) {
    const clock = new ManualClock();
    const asked = assert.rejects(clientOf(url, { caPem: ca.pem }, { ...world, clock }).whoami(t.signal), { code: 'gateway.silent' });
    await ready;
    await clock.advance(10_000);
    await asked;
    assert.equal(clock.pending, 0);
  }
});

test('nobody there, no TLS there, a name that is none: gateway.unreachable, naming the URL', async (t) => {
  const server = createTcpServer();
  const port = await listen(t, server);
  await new Promise((resolve) => server.close(resolve));
  const plain = createHttpServer(answering(200, whoami));
  const rude = createTcpServer((socket) => socket.on('error', () => {}).destroy());
  const urls = [
    `https://127.0.0.1:${port}`,
    `https://127.0.0.1:${await listen(t, plain)}`,
    `https://127.0.0.1:${await listen(t, rude)}`,
    'https://nobody.invalid',
  ];
  for (const url of urls) {
    await assert.rejects(
      clientOf(url).whoami(t.signal),
      (error: Error & { code: string }) => error.code === 'gateway.unreachable' && error.message.includes(url),
      url,
    );
  }
});

test('addresses are tried in order', async (t) => {
  const url = await serve(t, answering(200, whoami));
  const tried: string[] = [];
  const net: World['net'] = {
    ...world.net,
    resolve: async () => ['127.0.0.9', '127.0.0.1'].map((address) => ({ address, family: 4 })),
    connect: (to, signal) => {
      tried.push('path' in to ? to.path : to.address);
      return world.net.connect(to, signal);
    },
  };
  assert.deepEqual(await clientOf(url, { caPem: ca.pem }, { ...world, net }).whoami(t.signal), whoami);
  assert.deepEqual(tried, ['127.0.0.9', '127.0.0.1']);
});

test('an abort rejects with its reason', async (t) => {
  const reached = Promise.withResolvers<void>();
  const url = await serve(t, () => reached.resolve());
  const stop = new AbortController();
  const asked = assert.rejects(clientOf(url).whoami(stop.signal), /enough/);
  await reached.promise;
  stop.abort(new Error('enough'));
  await asked;
  await assert.rejects(clientOf(url).whoami(stop.signal), /enough/);
});

test('what is not an https address is refused at once', () => {
  for (const url of ['http://gw.example', 'gw.example', 'https://user@gw.example', 'https://gw.example/?a=b', 'ftp://x']) {
    assert.throws(() => tlsExchange({ url, trust: 'system' }, wayOut(world)), { code: 'address.malformed' }, url);
  }
});

test('over the socket of a gateway on this machine', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'tunnel-api-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'control.sock');
  const client = apiClient(localExchange(path, world));
  await assert.rejects(client.whoami(t.signal), { code: 'gateway.unreachable' });
  const server = createHttpServer(answering(200, { ...whoami, kind: 'local-admin' }));
  t.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(path, resolve));
  assert.equal((await client.whoami(t.signal)).kind, 'local-admin');
});
