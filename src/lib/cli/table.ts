// Tables for people: columns padded, text from elsewhere made harmless.
import { escapeText } from '../base/escape.ts';
import { type Paint, PLAIN } from './colour.ts';

/** Lines of a table with its header; `empty` stands alone where there are no rows. States are painted, in a column STATE or beside the field `state`. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[], empty: string, paint: Paint = PLAIN): string {
  if (rows.length === 0) return empty;
  const cells = [header, ...rows].map((row) => row.map((cell) => escapeText(cell === '' ? '-' : cell)));
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells
    .map((row) =>
      row
        .map((cell, column) => {
          const padded = column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0);
          return header[column] === 'STATE' || row[column - 1] === 'state' ? paint.state(padded) : padded;
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
