// Ways for tests to make the edge's process misbehave; there only in a gateway that was started with TUNNEL_TEST_HOOKS (gateway/test-hooks.ts).
const GROWTH_BYTES = 512 * 1024 * 1024;

/** SIGUSR2: a loop without end. SIGHUP: half a GiB more, and kept. */
export function hookSignals(): void {
  process.on('SIGUSR2', () => {
    for (;;);
  });
  const kept: Buffer[] = [];
  process.on('SIGHUP', () => kept.push(Buffer.alloc(GROWTH_BYTES, 1)));
}
