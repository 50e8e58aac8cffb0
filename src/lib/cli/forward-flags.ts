// What `connect` and the profiles take: the forwards that are wanted, as flags.
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';

export const targetArgs = {
  targets: Args.string({ description: 'HOST:PORT, or LOCALPORT:HOST:PORT for a fixed local port; one or several.', multiple: true, ignoreStdin: true }),
};

/** Which way a target is reached. */
export const viaFlags = {
  agent: Flags.string({ summary: 'Go through this agent, or fail.', helpValue: 'NAME' }),
  site: Flags.string({ summary: 'Where the target stands, if the same range is at several sites; as HOST:PORT@SITE.', helpValue: 'NAME' }),
};

export const forwardFlags = {
  listen: Flags.string({
    summary: 'Local address of the one target, or unix:/PATH (mode 0600); the system chooses a port on 127.0.0.1 where not given.',
    helpValue: '[BIND:]PORT',
  }),
  local: Flags.string({
    char: 'L',
    summary: 'A forward as ssh writes it, /PATH in place of the port for a unix socket; repeatable.',
    helpValue: '[BIND:]PORT:HOST:PORT',
    multiple: true,
    multipleNonGreedy: true,
  }),
  socks: Flags.string({
    char: 'D',
    summary: 'A SOCKS5 proxy (and 4a) without authentication, TCP only; names are resolved by the agents. Repeatable.',
    helpValue: '[BIND:]PORT',
    multiple: true,
    multipleNonGreedy: true,
  }),
  http: Flags.string({
    summary: 'An HTTP proxy: CONNECT and plain requests; names are resolved by the agents. Repeatable.',
    helpValue: '[BIND:]PORT',
    multiple: true,
    multipleNonGreedy: true,
  }),
  ...viaFlags,
  alternate: Flags.string({
    summary: 'Try this target when the one before it cannot be had; repeatable.',
    helpValue: 'HOST:PORT',
    multiple: true,
    multipleNonGreedy: true,
  }),
  'keep-alive': Flags.boolean({ summary: 'Keep the session when nothing is sent; without it the session ends when it has been idle for too long.' }),
};
