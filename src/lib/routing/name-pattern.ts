// DNS name patterns that agents advertise: an exact name, or `*.` and a name for everything below it.
import { TunnelError } from '../base/errors.ts';
import { escapeText } from '../base/escape.ts';

const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** Lower-case A-labels, no trailing dot, at most 253 characters. */
export function isHostName(name: string): boolean {
  return name.length <= 253 && name.split('.').every((label) => LABEL.test(label));
}

export function isNamePattern(pattern: string): boolean {
  return isHostName(pattern.startsWith('*.') ? pattern.slice(2) : pattern);
}

/** The canonical pattern. Error `route.malformed`. */
export function parseNamePattern(text: string, field = 'route'): string {
  const pattern = text.toLowerCase();
  if (!isNamePattern(pattern)) {
    throw new TunnelError('route.malformed', `${field} is not a name pattern: "${escapeText(text.slice(0, 80))}"`, {
      hint: 'Write db.corp.example for one name, *.corp.example for all names below it.',
    });
  }
  return pattern;
}

/** `*.corp.example` matches one or more labels below, not corp.example itself. */
export function matchesName(pattern: string, name: string): boolean {
  return pattern.startsWith('*.') ? name.endsWith(pattern.slice(1)) && name.length > pattern.length - 1 : pattern === name;
}

/** Every name that `inner` matches is matched by `outer`. */
export function coversName(outer: string, inner: string): boolean {
  return outer === inner || (outer.startsWith('*.') && inner.endsWith(outer.slice(1)) && inner.length > outer.length - 1);
}

/** For "longest wins": labels, an exact name above any wildcard of as many. */
export function specificity(pattern: string): number {
  return pattern.split('.').length * 2 + (pattern.startsWith('*.') ? 0 : 1);
}
