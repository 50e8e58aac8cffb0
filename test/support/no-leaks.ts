// Preloaded before each test file: names what a file leaves open when its tests are done, instead of hanging or hiding it.
import { after } from 'node:test';

const QUIET = new Set(['PipeWrap', 'TTYWrap', 'FSReqPromise', 'FSReqCallback', 'Immediate', 'CloseReq', 'FileHandleCloseReq']);
const SETTLE_ROUNDS = 20;

after(async () => {
  for (let round = 0; round < SETTLE_ROUNDS && open().length > 0; round++) await new Promise((resolve) => setImmediate(resolve));
  const left = open();
  if (left.length > 0) throw new Error(`${process.argv[1]} left open: ${left.join(', ')}`);
});

function open(): string[] {
  return process.getActiveResourcesInfo().filter((resource) => !QUIET.has(resource));
}
