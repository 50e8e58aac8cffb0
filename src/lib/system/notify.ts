// Tells systemd that a service is ready (sd_notify), where it asks to be told.

/** Node has no unix datagrams, so systemd's own program says it; units need NotifyAccess=all. Where it is missing, systemd waits in vain: an error says so. */
export async function notifyReady(): Promise<void> {
  const { NOTIFY_SOCKET, PATH } = process.env;
  if (NOTIFY_SOCKET === undefined) return;
  const { execa } = await import('execa');
  await execa('systemd-notify', ['--ready', `--pid=${process.pid}`], { env: { NOTIFY_SOCKET, PATH }, extendEnv: false });
}
