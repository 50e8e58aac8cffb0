// What a private file or folder may look like: of this user, closed to all others, and no link. For whoever reads or writes state.
import { TunnelError } from '../base/errors.ts';

export const PRIVATE_FILE = 0o600;
export const PRIVATE_DIRECTORY = 0o700;
const OTHERS = 0o077;

interface Owned {
  readonly mode: number;
  readonly uid: number;
}

interface Kind {
  isFile(): boolean;
  isSymbolicLink(): boolean;
}

/** Group and others may not, and the owner is who runs, root too: a folder of somebody else's is somebody else's to change. Error `file.loose-mode`. */
export function refuseForeign(path: string, { mode, uid: owner }: Owned, wanted: number, self = process.geteuid?.()): void {
  if (process.platform === 'win32') return; // access there is by ACL, inherited from the profile folder
  if ((mode & OTHERS) !== 0) {
    const found = (mode & 0o777).toString(8).padStart(4, '0');
    const text = wanted.toString(8).padStart(4, '0');
    throw new TunnelError('file.loose-mode', `${path} has mode ${found}, others can reach it`, { hint: `chmod ${text} '${path}'` });
  }
  if (self !== undefined && owner !== self) {
    throw new TunnelError('file.loose-mode', `${path} belongs to another user (uid ${owner}, this is ${self})`, {
      hint: `Run as that user, or: chown ${self} '${path}'`,
    });
  }
}

/** Error `file.failed` for whatever is not a file of its own. */
export function refuseLink(path: string, found: Kind): void {
  if (found.isSymbolicLink()) throw new TunnelError('file.failed', `${path} is a symbolic link`, { hint: `rm '${path}'` });
  if (!found.isFile()) throw new TunnelError('file.failed', `${path} is not a regular file`, { hint: 'Remove it or name another path.' });
}

/** For files that are written in place: through a second name the same bytes would change elsewhere. Errors `file.failed`, `file.loose-mode`. */
export function refuseShared(path: string, found: Kind & Owned & { readonly nlink: number }): void {
  refuseLink(path, found);
  if (found.nlink > 1) {
    throw new TunnelError('file.failed', `${path} has ${found.nlink} names (hard links)`, {
      hint: `cp -p '${path}' '${path}.new' && mv '${path}.new' '${path}'`,
    });
  }
  refuseForeign(path, found, PRIVATE_FILE);
}
