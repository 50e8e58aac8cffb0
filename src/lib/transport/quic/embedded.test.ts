// Which native code the engine's binary holds: docs/security.md weighs the advisories of these versions, so another binary means reading them again.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';

const EMBEDDED: Readonly<Record<string, string>> = {
  boring: '3.1.0',
  'boring-sys': '3.1.0',
  'intrusive-collections': '0.9.6',
  log: '0.4.22',
  napi: '2.10.1',
  num_cpus: '1.14.0',
  octets: '0.2.0',
  once_cell: '1.18.0',
  quiche: '0.18.0',
  ring: '0.16.20',
  slab: '0.4.7',
  smallvec: '1.10.0',
  spin: '0.5.2',
  thread_local: '1.1.4',
  tokio: '1.22.0',
};

const place = `${process.platform}-${process.arch}`;

test('the binary holds the versions that docs/security.md judges', {
  skip: place !== 'linux-x64' && `read from the linux-x64 binary, this is ${place}`,
}, () => {
  const binary = readFileSync(createRequire(import.meta.url).resolve('@matrixai/quic-linux-x64')).toString('latin1');
  const found = [...binary.matchAll(/\/([a-z_-]+)-(\d+\.\d+\.\d+)\/src\//g)].map(([, name, version]) => [name, version] as const);
  const versions = Object.fromEntries(found.sort());
  assert.deepEqual(versions, EMBEDDED);
  assert.match(binary, /rustc version 1\.77\.2/);
  assert.doesNotMatch(binary, /attempt to add with overflow/, 'built with overflow checks: RUSTSEC-2025-0009 and CVE-2025-4821 would be panics');
  const judged = readFileSync(new URL('../../../../docs/security.md', import.meta.url), 'utf8');
  assert.ok(judged.includes('quiche 0.18.0'));
});
