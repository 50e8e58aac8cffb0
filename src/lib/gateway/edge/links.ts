// The links of an edge: each is admitted by control, served until it ends, and found by its id meanwhile.
import { TunnelError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { World } from '../../base/world.ts';
import { closeLink, versionOf } from '../../link/version.ts';
import type { Hello } from '../../protocol/messages.ts';
import type { Link } from '../../transport/link.ts';
import type { Admission, ControlForEdge } from '../contract.ts';
import { AgentLink } from './agent-link.ts';

export class Links {
  readonly #control: ControlForEdge;
  readonly #hello: Hello;
  readonly #world: World;
  readonly #byId = new Map<string, AgentLink>();
  /** Everything taken and not yet over, admitted or not. */
  readonly #served = new Map<Link, Promise<void>>();
  #stopping: string | undefined;

  constructor(control: ControlForEdge, hello: Hello, world: World) {
    this.#control = control;
    this.#hello = hello;
    this.#world = world;
  }

  /** A link whose transport has completed. */
  take(link: Link): void {
    const served = this.#serve(link)
      .catch((error: unknown) => this.#world.log.error({ error, remote: link.remote }, 'serving a link failed'))
      .finally(() => this.#served.delete(link));
    this.#served.set(link, served);
  }

  /** Error `agent.offline`. */
  get(linkId: string): AgentLink {
    const found = this.#byId.get(linkId);
    if (found === undefined) throw new TunnelError('agent.offline', "the agent's link has ended");
    return found;
  }

  find(linkId: string): AgentLink | undefined {
    return this.#byId.get(linkId);
  }

  [Symbol.iterator](): IterableIterator<AgentLink> {
    return this.#byId.values();
  }

  /** Ends all links and takes no more; resolves when control has heard of each end. */
  async close(reason: string): Promise<void> {
    this.#stopping = reason;
    await Promise.all([...this.#served.keys()].map((link) => closeLink(link, 'stopping', reason)));
    await Promise.all(this.#served.values());
  }

  async #serve(link: Link): Promise<void> {
    if (this.#stopping !== undefined) return await closeLink(link, 'stopping', this.#stopping);
    const admission = await this.#admit(link);
    if (admission === undefined) return;
    const { log } = this.#world;
    const found = { agent: admission.agent, link: admission.linkId, remote: link.remote };
    const served = new AgentLink(link, admission, this.#control, this.#world);
    for (const older of this.#byId.values()) if (older.agentId === served.agentId) older.retire(LIMITS.replacedLinkGraceMs);
    this.#byId.set(served.id, served);
    log.info({ ...found, transport: link.transport, alpn: link.alpn }, 'link up');
    try {
      await served.serve(this.#hello);
      await closeLink(link, 'ended', 'control stream ended');
    } catch (error) {
      if (!served.lost.aborted) log.warn({ ...found, error }, 'link failed');
      await endFailed(link, error);
    } finally {
      this.#byId.delete(served.id);
    }
    const { by, code, reason } = await link.closed;
    log.info({ ...found, by, code, reason }, 'link down');
    await this.#control.unlink(served.id, reason || by);
  }

  async #admit(link: Link): Promise<Admission | undefined> {
    try {
      return await this.#control.admit({ certificate: link.peerCertificate, protocol: versionOf(link), transport: link.transport, remote: link.remote });
    } catch (error) {
      this.#world.log.warn({ error, remote: link.remote }, 'link refused');
      const refused = error instanceof TunnelError && error.code === 'certificate.refused';
      await closeLink(link, refused ? 'refused' : 'ended', error instanceof TunnelError ? error.message : 'the gateway failed');
      return undefined;
    }
  }
}

/** Where the link has ended already, this changes nothing. */
async function endFailed(link: Link, error: unknown): Promise<void> {
  if (!(error instanceof TunnelError)) return await closeLink(link, 'ended', 'the gateway failed');
  await closeLink(link, error.code === 'protocol.violation' ? 'violation' : 'ended', error.message);
}
