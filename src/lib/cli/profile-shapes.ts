// What the commands of profiles print under --json.
import type { Shapes } from './shape.ts';

/** How a profile is. */
export function profileStatus({ z }: Shapes) {
  const forward = z.object({
    listen: z.string(),
    target: z.string(),
    protocol: z.enum(['tcp', 'socks5', 'http']),
    agent: z.string().nullable(),
    shared: z.boolean(),
  });
  return z.object({
    name: z.string(),
    state: z.enum(['starting', 'up', 'lost', 'stopped']),
    pid: z.number().int().nullable(),
    since: z.string().nullable(),
    forwards: z.array(forward),
    last_error: z.object({ code: z.string(), message: z.string(), at: z.string() }).nullable(),
    log: z.string().nullable(),
    changed: z.boolean(),
  });
}

/** With what stands in the configuration. */
export function shownProfile(shapes: Shapes) {
  const { z } = shapes;
  const texts = z.array(z.string()).optional();
  const text = z.string().optional();
  const profile = z.looseObject({
    targets: texts,
    local: texts,
    socks: texts,
    http: texts,
    listen: text,
    agent: text,
    site: text,
    alternates: texts,
    keep_alive: z.boolean().optional(),
  });
  return profileStatus(shapes).extend({ profile, flags: z.string() });
}
