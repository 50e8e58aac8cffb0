// Canaries: the secrets of a chain in every form in which one could slip out, and what is searched for them.
import { createPrivateKey } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

interface Secret {
  readonly name: string;
  readonly forms: readonly Buffer[];
  /** Where it belongs. */
  readonly home: RegExp;
}

export class Canaries {
  readonly #secrets: Secret[] = [];
  /** What was found where it does not belong: the secret's name and the place, never the secret. */
  readonly leaks: string[] = [];
  looked = 0;

  /** `bytes` are the secret itself where the text is only a coding of it. */
  add(name: string, text: string, home: RegExp, bytes: readonly Buffer[] = [Buffer.from(text)]): void {
    if (text.length < 16) throw new Error(`${name} is too short to be told from chance`);
    const coded = [Buffer.from(text), ...bytes].flatMap((raw) => [
      raw.toString('latin1'),
      raw.toString('base64').replace(/=+$/, ''),
      raw.toString('base64url'),
      raw.toString('hex'),
      raw.toString('hex').toUpperCase(),
      encodeURIComponent(text),
    ]);
    this.#secrets.push({ name, home, forms: [...new Set(coded)].map((form) => Buffer.from(form, 'latin1')) });
  }

  /** A private key: a line of its PEM, and its scalar as JWK, hex and bare bytes have it. */
  addKey(name: string, pem: string, home: RegExp): void {
    const body = pem.split('\n').filter((line) => line !== '' && !line.startsWith('-----'));
    body.forEach((line, index) => {
      if (index < 2 && line.length >= 16) this.add(`${name}, line ${index + 1} of its PEM`, line, home);
    });
    const { d } = createPrivateKey(pem).export({ format: 'jwk' });
    if (d !== undefined) this.add(`${name}, its scalar`, d, home, [Buffer.from(d, 'base64url')]);
  }

  look(place: string, content: string | Uint8Array): void {
    this.looked += 1;
    const bytes = Buffer.from(content);
    for (const { name, forms, home } of this.#secrets) {
      if (!home.test(place) && forms.some((form) => bytes.includes(form))) this.leaks.push(`${name} in ${place}`);
    }
  }

  /** Every file of a tree, named as seen from `root`. */
  lookThrough(root: string): void {
    for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (lstatSync(path).isFile()) this.look(`file ${relative(root, path)}`, readFileSync(path));
    }
  }

  /** Everything that `pid` has started and that lives now, and what that has started. Linux. */
  lookAtChildren(pid: number): number {
    const list = `/proc/${pid}/task/${pid}/children`;
    if (!existsSync(list)) return 0; // it has ended
    const children = readFileSync(list, 'utf8').trim().split(' ').filter(Boolean).map(Number);
    for (const child of children) for (const what of ['cmdline', 'environ']) this.look(`${what} of a child`, readFileSync(`/proc/${child}/${what}`));
    return children.reduce((count, child) => count + 1 + this.lookAtChildren(child), 0);
  }
}
