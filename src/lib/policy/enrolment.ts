// What an enrolment string is bound to: from which networks it may be used, and what the agents of one that works more than once are called. Pure.
import { contains, parseAddress, parseSubnet } from '../routing/subnet.ts';
import { unmapped } from '../routing/target.ts';

/** Hexadecimal digits of the agent's id in its name; the longer form where the shorter one is taken. */
const SUFFIX_DIGITS = [8, 16] as const;
/** Room for the longest suffix in a name of 63 characters. */
export const LONGEST_SHARED_NAME = 63 - 1 - SUFFIX_DIGITS[1];

/** `sources` null: from anywhere. `source` as the system names the peer of a TCP connection; what is no address comes from none of the networks. */
export function mayEnrolFrom(sources: readonly string[] | null, source: string): boolean {
  if (sources === null) return true;
  const bytes = parseAddress(source.replace(/%.*$/, ''));
  return bytes !== undefined && sources.some((text) => contains(parseSubnet(text, 'source'), unmapped(bytes)));
}

/** A string for one agent is its name; of one for several, `NAME-3f9a2b1c`: ids are never given twice, so no later agent inherits what was granted to this one. */
export function enrolledName(
  { name, maxUses }: { readonly name: string; readonly maxUses: number },
  agentId: string,
  isTaken: (name: string) => boolean,
): string {
  if (maxUses === 1) return name;
  const digits = agentId.replaceAll('-', '');
  const [short, long] = SUFFIX_DIGITS.map((count) => `${name}-${digits.slice(0, count)}`);
  return short !== undefined && !isTaken(short) ? short : (long ?? name);
}
