// What every codec promises: it takes back what it gave, and whatever else arrives is a message or a `protocol.violation`, nothing worse.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TunnelError } from '../../src/lib/base/errors.ts';
import { junk } from './arbitrary-messages.ts';

export interface Codec<Message> {
  encode(message: Message): Uint8Array;
  decode(payload: Uint8Array): Message | undefined;
  /** Version 1 passes over them. */
  readonly ignoresTrailing: boolean;
}

/** Joins a codec to the suite. */
export function codecLaws<Message>(name: string, messages: fc.Arbitrary<Message>, { encode, decode, ignoresTrailing }: Codec<Message>): void {
  test(`${name}: decodes what it encoded`, () => {
    fc.assert(
      fc.property(messages, (message) => assert.deepEqual(decode(encode(message)), message)),
      { numRuns: 300 },
    );
  });

  test(`${name}: every truncation is a violation, or a message without its last optional field`, () => {
    fc.assert(
      fc.property(messages, (message) => {
        const whole = encode(message);
        for (let length = 0; length < whole.length; length += 1) {
          const cut = whole.subarray(0, length);
          const shorter = attempt(decode, cut);
          if (shorter !== undefined) assert.deepEqual(encode(shorter), cut, `cut at ${length}`);
        }
      }),
      { numRuns: 50 },
    );
  });

  test(`${name}: trailing bytes are ${ignoresTrailing ? 'passed over' : 'a violation'}`, () => {
    fc.assert(
      fc.property(messages, (message) => {
        const longer = Uint8Array.from([...encode(message), 0]);
        if (ignoresTrailing) assert.deepEqual(decode(longer), message);
        else assert.throws(() => decode(longer), isViolation);
      }),
    );
  });

  test(`${name}: junk and flipped bytes are a message or a violation`, () => {
    fc.assert(
      fc.property(junk, (payload) => void attempt(decode, payload)),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(messages, fc.nat(), fc.nat(255), (message, at, byte) => {
        const bent = Uint8Array.from(encode(message));
        bent[at % bent.length] = byte;
        attempt(decode, bent);
      }),
      { numRuns: 1000 },
    );
  });
}

export function isViolation(error: unknown): true {
  assert.ok(error instanceof TunnelError, `not a TunnelError: ${String(error)}`);
  assert.equal(error.code, 'protocol.violation');
  assert.match(error.message, /^[a-z][a-z0-9 -]*(\.[a-zA-Z0-9. ]+)?:? /, 'the field is named');
  return true;
}

/** The message, or undefined after a violation; anything else thrown fails the test. */
function attempt<Message>(decode: (payload: Uint8Array) => Message, payload: Uint8Array): Message | undefined {
  try {
    return decode(payload);
  } catch (error) {
    isViolation(error);
    return undefined;
  }
}
