// Preloaded before each test file: names what a file leaves open when its tests are done, instead of hanging or hiding it.
import { after } from 'node:test';
import { isMainThread } from 'node:worker_threads';

const QUIET = new Set(['PipeWrap', 'TTYWrap', 'FSReqPromise', 'FSReqCallback', 'Immediate', 'CloseReq', 'FileHandleCloseReq']);
const SETTLE_ROUNDS = 20;
const LEAVE_WITHIN_MS = 5000;

// A worker thread inherits the preload, and has no tests of its own.
if (isMainThread) {
  after(async () => {
    for (let round = 0; round < SETTLE_ROUNDS && open().length > 0; round++) await new Promise((resolve) => setImmediate(resolve));
    // Instead of --test-force-exit, which cuts off results that are still on their way to the runner.
    setTimeout(() => process.exit(1), LEAVE_WITHIN_MS).unref();
    const left = open();
    if (left.length > 0) throw new Error(`${process.argv[1]} left open: ${left.join(', ')}`);
  });
}

function open(): string[] {
  return process.getActiveResourcesInfo().filter((resource) => !QUIET.has(resource));
}
