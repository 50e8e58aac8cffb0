// Lists on the command line are one flag with commas.

/** Undefined stays so: the flag was not given. An empty text is an empty list. */
export function commaList(text: string): string[];
export function commaList(text: string | undefined): string[] | undefined;
export function commaList(text: string | undefined): string[] | undefined {
  return text
    ?.split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
