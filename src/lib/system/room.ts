// Is there room on the disk for what a one-time string will give? Asked before it is spent, by agent and operator.
import { join } from 'node:path';
import type { Files } from '../base/world.ts';

/** More than an enrolment or a login writes. */
const ROOM_BYTES = 64 * 1024;

/** Error `file.failed`. Leaves nothing, unless it is killed: then the next call tidies up. */
export async function assureRoom(directory: string, files: Pick<Files, 'replaceAtomically' | 'remove'>): Promise<void> {
  const room = join(directory, 'room');
  await files.replaceAtomically(room, new Uint8Array(ROOM_BYTES));
  await files.remove(room);
}
