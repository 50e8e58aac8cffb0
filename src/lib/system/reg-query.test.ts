import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseRegQuery } from './reg-query.ts';

const KEY = 'HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters';
const FOUND = [
  '',
  KEY,
  '    DataBasePath    REG_EXPAND_SZ    %SystemRoot%\\System32\\drivers\\etc',
  '    Domain    REG_SZ    corp.example',
  '    ForwardBroadcasts    REG_DWORD    0x0',
  '    NV Domain    REG_SZ    new.example',
  '    NameServer    REG_SZ    ',
  '    SearchList    REG_SZ',
  '',
  `${KEY}\\Adapters`,
  `${KEY}\\Interfaces`,
  '',
].join('\r\n');

test('names with spaces, empty values, keys below: only the values count', () => {
  assert.deepEqual(Object.fromEntries(parseRegQuery(FOUND)), {
    databasepath: '%SystemRoot%\\System32\\drivers\\etc',
    domain: 'corp.example',
    forwardbroadcasts: '0x0',
    'nv domain': 'new.example',
    nameserver: '',
    searchlist: '',
  });
});

for (const text of ['', 'ERROR: The system was unable to find the specified registry key or value.\r\n', KEY])
  test(`no values: ${JSON.stringify(text.slice(0, 40))}`, () => assert.equal(parseRegQuery(text).size, 0));

test('any value comes back as it was printed', () => {
  const value = fc.stringMatching(/^[!-~]([ -~]{0,30}[!-~])?$/);
  fc.assert(fc.property(value, (kept) => assert.equal(parseRegQuery(`${KEY}\r\n    Domain    REG_SZ    ${kept}\r\n`).get('domain'), kept)));
});
