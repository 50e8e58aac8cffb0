// Tells systemd that a service is ready (sd_notify), where it asks to be told.

/** Node has no unix datagrams, so systemd's own program says it; units need NotifyAccess=all. Where it is missing, systemd waits in vain: an error says so. */
export async function notifyReady(): Promise<void> {
  if (process.env['NOTIFY_SOCKET'] === undefined) return;
  const { execa } = await import('execa');
  await execa('systemd-notify', ['--ready', `--pid=${process.pid}`]);
}
