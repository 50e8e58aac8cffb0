// What `reg query` of Windows prints, as text. Pure.

/** Name to value, of the values directly below the key that was asked for; names in lower case, as the registry does not tell them apart. An empty value is ''. */
export function parseRegQuery(text: string): Map<string, string> {
  const values = [...text.matchAll(/^ {4}(\S.*?) {4}REG_[A-Z_]+(?: {4}(.*?))?[ \t\r]*$/gm)];
  return new Map(values.map(([, name = '', value = '']) => [name.toLowerCase(), value]));
}
