// What a service is, before any system's way to write it down: for the writers beside this file.
export interface ServiceDefinition {
  /** Of the unit, label or task; also its file's name. */
  readonly name: string;
  readonly description: string;
  /** Absolute: the program, then its arguments. */
  readonly command: readonly [program: string, ...args: string[]];
  /** The only place that it may write to. */
  readonly dataDir: string;
  /** Who owns the data folder. */
  readonly user: string;
  /** It listens on a port below 1024. */
  readonly lowPort: boolean;
}

/** Settings of Node that print secrets, write them down, or let other code in. */
export const UNSAFE_ENVIRONMENT = [
  'NODE_OPTIONS',
  'NODE_DEBUG',
  'NODE_DEBUG_NATIVE',
  'NODE_EXTRA_CA_CERTS',
  'NODE_TLS_REJECT_UNAUTHORIZED',
  'NODE_PATH',
  'NODE_V8_COVERAGE',
  'NODE_REDIRECT_WARNINGS',
  'NODE_REPL_EXTERNAL_MODULE',
  'SSLKEYLOGFILE',
  'OPENSSL_CONF',
  'OPENSSL_MODULES',
  'SSL_CERT_DIR',
  'SSL_CERT_FILE',
  'LD_PRELOAD',
  'LD_LIBRARY_PATH',
] as const;
