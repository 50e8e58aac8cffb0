// Preloaded with --import: from SIGUSR2 on the monotonic clock and the timers of this process run FAST_CLOCK times as fast.
const factor = Number(process.env['FAST_CLOCK'] ?? 1);
const { performance: clock, setTimeout: realTimeout } = globalThis;
const now = clock.now.bind(clock);
let [speed, since, base] = [1, 0, 0];
clock.now = () => base + (now() - since) * speed;
globalThis.setTimeout = Object.assign(
  (callback: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) => realTimeout(callback, ms / speed, ...args),
  realTimeout,
) as typeof setTimeout;
process.on('SIGUSR2', () => {
  [base, since, speed] = [clock.now(), now(), factor];
});
