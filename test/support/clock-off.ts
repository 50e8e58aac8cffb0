// Preloaded with --import: the wall clock of this process is off by CLOCK_OFF_MS. What runs by the monotonic one notices nothing.
const off = Number(process.env['CLOCK_OFF_MS'] ?? 0);
const real = Date.now.bind(Date);
Date.now = () => real() + off;
