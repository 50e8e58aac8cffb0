// Which version of our protocol a link speaks, how it is offered, and the codes with which we end links and streams. For both ends and their dialling.
import type { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Link } from '../transport/link.ts';

export type Version = 1 | 2;

const ALPN_OF: Readonly<Record<Version, string>> = { 1: 'gw-agent-tunnel/1', 2: 'gw-agent-tunnel/2' };

/** To offer, most preferred first. */
export const ALPN: readonly string[] = [ALPN_OF[2], ALPN_OF[1]];

export function versionOf(link: Pick<Link, 'alpn'>): Version {
  return link.alpn === ALPN_OF[1] ? 1 : 2;
}

/** Largest frames, in bytes, by version. */
export const FRAME_BYTES: Readonly<Record<Version, { readonly control: number; readonly session: number }>> = {
  1: { control: LIMITS.controlFrameV1Bytes, session: LIMITS.sessionFrameV1Bytes },
  2: { control: LIMITS.controlFrameV2Bytes, session: LIMITS.sessionFrameV2Bytes },
};

/** Close codes of a version 2 link (docs/protocol.md, 6). Version 1 knows 0 only; `closeLink` sees to that. */
export const CLOSE = { ended: 0, violation: 1, refused: 2, replaced: 3, stopping: 4, renewed: 5, deleted: 6 } as const;

/** Reset codes of a version 2 stream (docs/protocol.md, 6). */
export const RESET = { unspecified: 0, violation: 1, gaveUp: 2, sessionEnded: 3, targetReset: 4 } as const;

const CLOSE_REASON_CHARACTERS = 200;

/** Ends a link with a code that its version knows. */
export async function closeLink(link: Link, why: keyof typeof CLOSE, reason: string): Promise<void> {
  await link.close(versionOf(link) === 1 ? 0 : CLOSE[why], reason.slice(0, CLOSE_REASON_CHARACTERS).toWellFormed());
}

/** The peer broke the protocol: the link ends, whatever else it carries. */
export async function closeForViolation(link: Link, error: TunnelError): Promise<void> {
  await closeLink(link, 'violation', error.message);
}
