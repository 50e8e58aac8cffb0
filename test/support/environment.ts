// What a program of a test inherits: nothing of this machine that would change what it does or shows.

/** An editor, a proxy, a service manager, a desktop; CI and its kin change what programs show on a terminal. */
const OF_THIS_MACHINE =
  /^(TUNNEL_|NODE_|XDG_|(CI|FORCE_COLOR|COLORTERM|VISUAL|EDITOR|DISPLAY|WAYLAND_DISPLAY|NOTIFY_SOCKET|SSH_AUTH_SOCK)$|(https?|all|no)_proxy$)/i;

export function cleanEnvironment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !OF_THIS_MACHINE.test(name));
  return { ...Object.fromEntries(kept), NO_COLOR: '1', ...more };
}
