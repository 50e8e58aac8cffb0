// What a stream has brought that nobody has read, left where it is.
import { once } from 'node:events';
import type { Duplex } from 'node:stream';

/** At once; empty where there is nothing. */
export function unread(stream: Duplex): string {
  const bytes: Buffer | null = stream.read();
  if (bytes !== null) stream.unshift(bytes);
  return String(bytes ?? '');
}

/** As soon as there is something. */
export async function firstUnread(stream: Duplex): Promise<string> {
  for (;;) {
    const words = unread(stream);
    if (words !== '') return words;
    await once(stream, 'readable');
  }
}
