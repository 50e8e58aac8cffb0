// Tables for people: columns padded, text from elsewhere made harmless.
import { escapeText } from '../base/escape.ts';

/** Lines of a table with its header; `empty` stands alone where there are no rows. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[], empty: string): string {
  if (rows.length === 0) return empty;
  const cells = [header, ...rows].map((row) => row.map((cell) => escapeText(cell === '' ? '-' : cell)));
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
