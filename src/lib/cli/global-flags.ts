// Flags that more than one command has, said once.
import * as Flags from '@oclif/core/flags';

export const globalFlags = {
  json: Flags.boolean({ summary: 'Print JSON on standard output and nothing else there, errors included.', helpGroup: 'GLOBAL' }),
  debug: Flags.boolean({ summary: 'Log more, and add the stack to errors.', helpGroup: 'GLOBAL' }),
  'no-color': Flags.boolean({ summary: 'No colour, as with NO_COLOR.', helpGroup: 'GLOBAL' }),
};

export const dataDirFlag = {
  'data-dir': Flags.string({ summary: 'State folder; /var/lib/tunnel for root and the XDG state folder otherwise where not given.', helpValue: 'DIR' }),
};

/** Of `ca` commands; `gateway start` calls it --ca-passphrase-file. */
export const passphraseFileFlag = {
  'passphrase-file': Flags.string({ summary: "File with the passphrase of the CA's key; - reads it from standard input.", helpValue: 'FILE' }),
};

export const configDirFlag = {
  'config-dir': Flags.string({ summary: 'Folder of the login; the XDG configuration folder where not given.', helpValue: 'DIR' }),
};

/** Of commands that work on the gateway's machine and, for someone logged in, from anywhere. */
export const apiFlags = {
  'data-dir': Flags.string({ summary: "The gateway's state folder, on the gateway's own machine; without it the login is used.", helpValue: 'DIR' }),
  ...configDirFlag,
};

/** Of commands that take something back. */
export const reasonFlag = {
  reason: Flags.string({ summary: 'Why, in your words: shown to whoever is cut off, and kept in the audit log.', helpValue: 'TEXT' }),
};

export function reasonOf({ reason }: { readonly reason?: string | undefined }): { reason?: string } {
  return reason === undefined ? {} : { reason };
}

export const waitFlag = {
  wait: Flags.string({ summary: 'Keep trying that long when the other side is not there yet: 30s, 2m.', helpValue: 'DURATION' }),
};

export const tokenFileFlag = {
  'token-file': Flags.string({ summary: 'File that holds the string; - reads it from standard input.', helpValue: 'FILE', required: true }),
};

/** Of commands that list. */
export const pageFlags = {
  after: Flags.string({ summary: 'Begin behind this place: the "next" of the page before.', helpValue: 'CURSOR' }),
  limit: Flags.integer({ summary: 'Rows at most, up to 1000.', helpValue: 'COUNT', min: 1, max: 1000, default: 100 }),
};

/** Of the agent's own commands. */
export const quicEndpointFlag = {
  'quic-endpoint': Flags.string({ summary: 'Dial the gateway here, whatever string and gateway say.', helpValue: 'HOST:PORT' }),
};
