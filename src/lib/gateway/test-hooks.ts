// TUNNEL_TEST_HOOKS in a gateway's environment, for tests alone: lets signals make its edge misbehave, and sets limits that no test could wait for.

export interface TestHooks {
  /** Instead of the limit `edgeMemoryBytes`. */
  readonly edgeMemoryBytes: number | undefined;
}

/** `1`, or `edge-memory=BYTES`. Undefined where the variable is not set: then there are no hooks. */
export function readTestHooks(text: string | undefined): TestHooks | undefined {
  if (!text) return undefined;
  const [, bytes] = /^edge-memory=(\d+)$/.exec(text) ?? [];
  return { edgeMemoryBytes: bytes === undefined ? undefined : Number(bytes) };
}
