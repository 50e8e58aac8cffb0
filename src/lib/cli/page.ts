// The page that a listing command asks for, and what people are told when there is more.
import type { PageQuery } from '../api/shapes.ts';

export function pageQuery(flags: { after?: string | undefined; limit: number }): PageQuery {
  return { limit: flags.limit, ...(flags.after === undefined ? {} : { after: flags.after }) };
}

export function moreText(next: string): string {
  return `there is more: --after ${next}`;
}
