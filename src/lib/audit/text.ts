// Text of a peer as it may stand in an audit row, at the gateway and at the agent. Pure.
import { escapeText } from '../base/escape.ts';

const MOST_CHARACTERS = 500;

/** Short and harmless on a terminal. */
export function auditText(text: string): string {
  return escapeText(text.slice(0, MOST_CHARACTERS));
}
