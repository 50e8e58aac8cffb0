// A target at a site: `10.0.0.5:22@berlin` is that address as it is reached there, where the same range stands elsewhere too (requirement E5).
import { TunnelError } from '../base/errors.ts';
import { isName } from '../base/ids.ts';
import { formatTarget, parseTarget, type Target } from './target.ts';

export interface SitedTarget extends Target {
  /** Null: wherever it is carried. */
  readonly site: string | null;
}

/** `host:port` or `host:port@site`; `site` is that of the whole request. Errors `target.malformed`, and `request.malformed` for two sites that disagree. */
export function parseSitedTarget(
  text: string,
  { field = 'target', site = null }: { readonly field?: string; readonly site?: string | null } = {},
): SitedTarget {
  const at = text.lastIndexOf('@');
  const own = at < 0 ? undefined : text.slice(at + 1);
  // What is no name of a site is left to the parser of targets, which refuses it with the whole text.
  if (own === undefined || !isName(own)) return { ...parseTarget(text, field), site };
  if (site !== null && own !== site) throw new TunnelError('request.malformed', `${field} is at ${own}, the request at ${site}`, { hint: 'Name one site.' });
  return { ...parseTarget(text.slice(0, at), field), site: own };
}

/** Canonical text, which `parseSitedTarget` reads. */
export function formatSitedTarget(target: SitedTarget): string {
  return target.site === null ? formatTarget(target) : `${formatTarget(target)}@${target.site}`;
}
