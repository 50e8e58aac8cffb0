// Which ports of an agent's network may be reached: ranges, and the defaults by the agent's system (B4).
import { TunnelError } from '../base/errors.ts';
import { escapeText } from '../base/escape.ts';

/** Both ends included. */
export type PortRange = readonly [first: number, last: number];

export const ALL_PORTS: PortRange = [1, 65_535];

const WINDOWS: readonly PortRange[] = [
  [3389, 3389],
  [5900, 5900],
  [5985, 5986],
];
const UNIX: readonly PortRange[] = [
  [22, 22],
  [5900, 5900],
];

/** `22`, `1024-2048`, or several with commas. Error `ports.malformed`. */
export function parsePorts(text: string | readonly string[], field = 'ports'): PortRange[] {
  const parts = typeof text === 'string' ? text.split(',') : text;
  return parts.map((part) => {
    const [, firstText = '', lastText = firstText] = /^([1-9]\d{0,4})(?:-([1-9]\d{0,4}))?$/.exec(part.trim()) ?? [];
    const [first, last] = [Number(firstText), Number(lastText)];
    if (firstText === '' || first > last || last > 65535) {
      throw new TunnelError('ports.malformed', `${field} has a part that is no port or range: "${escapeText(part.slice(0, 40))}"`, {
        hint: 'Write 22,3389 or 1-1024; ports are 1 to 65535.',
      });
    }
    return [first, last] as const;
  });
}

/** Sorted, merged where they overlap. */
export function formatPorts(ranges: readonly PortRange[]): string[] {
  const merged: [number, number][] = [];
  for (const [first, last] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const previous = merged.at(-1);
    if (previous !== undefined && first <= previous[1]) previous[1] = Math.max(previous[1], last);
    else merged.push([first, last]);
  }
  return merged.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`));
}

export function portAllowed(ranges: readonly PortRange[], port: number): boolean {
  return ranges.some(([first, last]) => first <= port && port <= last);
}

/** `os` as node's process.platform names it; an unknown system gets what every system gets. */
export function defaultPorts(os: string | null): readonly PortRange[] {
  if (os === 'win32') return WINDOWS;
  return os === null ? [[5900, 5900]] : UNIX;
}
