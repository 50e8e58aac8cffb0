// Man pages of configuration files in section 5, from the JSON schemas that are made of what reads those files.
import { definition, list, literal, page, prose, section, seeAlso } from './mdoc.ts';

export interface FilePage {
  /** Without its section: `tunnel-gateway.conf`. */
  readonly name: string;
  /** `gateway.json`. */
  readonly file: string;
  readonly summary: string;
  /** A paragraph each. */
  readonly description: readonly string[];
  /** JSON schema: `properties` with their descriptions. */
  readonly schema: { readonly properties?: Readonly<Record<string, unknown>> | undefined; readonly required?: readonly string[] | undefined };
  readonly example: readonly string[];
  /** Pages of commands, and of other files. */
  readonly related: { readonly commands: readonly string[]; readonly files: readonly string[] };
}

export function configPage({ name, file, summary, description, schema, example, related }: FilePage): string {
  const entries = Object.entries(schema.properties ?? {}).map(([setting, property]) =>
    definition([['Ic', setting]], [...prose(describe(property)), ...(schema.required?.includes(setting) ? ['Required.'] : [])]),
  );
  return page(name, 5, summary, [
    section(
      'DESCRIPTION',
      description.flatMap((part, index) => [...(index === 0 ? [] : ['.Pp']), ...prose(part)]),
    ),
    section('SETTINGS', list(entries)),
    section('FILES', list([definition([['Pa', file]], ['In the state folder, readable by its owner alone.'])])),
    section('EXAMPLES', ['.Bd -literal -offset indent', ...example.map(literal), '.Ed']),
    section(
      'SEE ALSO',
      seeAlso(
        related.commands,
        related.files.map((other) => [other, 5]),
      ),
    ),
  ]);
}

function describe(property: unknown): string {
  return typeof property === 'object' && property !== null && 'description' in property ? String(property.description) : '';
}
