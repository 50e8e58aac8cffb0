// Preloaded before each test file: names what a file leaves open when its tests are done, instead of hanging or hiding it.
import { after } from 'node:test';
import { isMainThread } from 'node:worker_threads';

const QUIET = new Set(['PipeWrap', 'TTYWrap', 'FSReqPromise', 'FSReqCallback', 'Immediate', 'CloseReq', 'FileHandleCloseReq']);
/** Sockets that close and threads that end take their moment, longer on a busy machine. */
const SETTLE_MS = 3000;
const LEAVE_WITHIN_MS = 10_000;

// A worker thread inherits the preload, and has no tests of its own.
if (isMainThread) {
  after(async () => {
    const deadline = performance.now() + SETTLE_MS;
    while (open().length > 0 && performance.now() < deadline) await new Promise((resolve) => setImmediate(resolve));
    // Instead of --test-force-exit, which cuts off results that are still on their way to the runner.
    setTimeout(() => process.exit(1), LEAVE_WITHIN_MS).unref();
    const left = open();
    if (left.length > 0) throw new Error(`${process.argv[1]} left open: ${left.join(', ')}`);
  });
}

function open(): string[] {
  return process.getActiveResourcesInfo().filter((resource) => !QUIET.has(resource));
}
