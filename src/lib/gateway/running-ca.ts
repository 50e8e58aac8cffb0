// The CA and the server certificate of a running gateway: renewed in time, rotated on demand, a rotation ended with its window; each change is put to use at once, without a restart.
import type { World } from '../base/world.ts';
import type { Authority } from '../pki/authority.ts';
import type { CaDesk } from './ca-on-disk.ts';
import type { ServerCertificate } from './server-certificate.ts';

const LOOK_AGAIN_MS = 86_400_000;
const RETRY_LEAST_MS = 1000;
const RETRY_MOST_MS = 3_600_000;

/** What listeners need, of one moment. */
export interface Credentials {
  readonly authority: Authority;
  readonly server: ServerCertificate;
}

export interface RunningCaOptions {
  readonly disk: CaDesk;
  /** The server certificate for this CA, from the folder or new. */
  readonly issue: (authority: Authority) => Promise<ServerCertificate>;
}

export class RunningCa implements CaDesk {
  readonly #options: RunningCaOptions;
  readonly #world: Pick<World, 'clock' | 'log'>;
  #server: ServerCertificate;
  #use: (now: Credentials) => Promise<void> = async () => {};
  /** The bundle and the certificate that are in use. */
  #used: string;
  #last: Promise<unknown> = Promise.resolve();
  #wake = new AbortController();
  /** What is on disk is not in use, or could not be renewed. */
  #failed = false;

  private constructor(options: RunningCaOptions, server: ServerCertificate, world: Pick<World, 'clock' | 'log'>) {
    this.#options = options;
    this.#world = world;
    this.#server = server;
    this.#used = fingerprintOf(this.now);
  }

  /** Errors of `issue`. */
  static async open(options: RunningCaOptions, world: Pick<World, 'clock' | 'log'>): Promise<RunningCa> {
    return new RunningCa(options, await options.issue(options.disk.authority), world);
  }

  get authority(): Authority {
    return this.#options.disk.authority;
  }

  get now(): Credentials {
    return { authority: this.authority, server: this.#server };
  }

  rotate(windowMs: number): Promise<void> {
    return this.#change(() => this.#options.disk.rotate(windowMs));
  }

  finish(): Promise<void> {
    return this.#change(() => this.#options.disk.finish());
  }

  /** Looks at the server certificate again, as `issue` sees it now. Errors of `issue`. */
  refresh(): Promise<void> {
    return this.#change(async () => {});
  }

  /**
   * Keeps both in time until `signal` aborts, then resolves. `use` is called with each change, and again until it succeeds; `ended` when a window has passed.
   * A failure is tried again, a third of the certificate's life long.
   */
  async keep(use: (now: Credentials) => Promise<void>, ended: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#world;
    this.#use = use;
    while (!signal.aborted) {
      await this.#pause(signal);
      if (signal.aborted) return;
      try {
        const { previous } = this.authority;
        const over = previous !== undefined && previous.notAfter <= clock.now();
        await this.#change(async () => {
          if (over && this.authority.previous) await this.#options.disk.finish();
        });
        if (over) await ended();
      } catch (error) {
        this.#failed = true;
        log.error({ error }, 'the certificates of this gateway could not be renewed');
      }
    }
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const { clock } = this.#world;
    this.#wake = new AbortController();
    const { renewAt, notAfter } = this.#server;
    const due = Math.min(renewAt, this.authority.previous?.notAfter ?? Number.POSITIVE_INFINITY) - clock.now();
    const retry = Math.min(RETRY_MOST_MS, Math.max(RETRY_LEAST_MS, (notAfter - clock.now()) / 10));
    await clock.sleep(this.#failed ? retry : Math.min(LOOK_AGAIN_MS, Math.max(RETRY_LEAST_MS, due)), AbortSignal.any([signal, this.#wake.signal]));
  }

  /** One after another; what has changed on disk is put to use, whoever changed it. */
  #change(act: () => Promise<void>): Promise<void> {
    const changing = this.#last.then(async () => {
      try {
        await act();
      } finally {
        await this.#apply();
      }
    });
    this.#last = changing.catch(() => {});
    return changing;
  }

  /** Also after a change that failed: a disk that was full at the end of it has decided all the same. */
  async #apply(): Promise<void> {
    this.#failed = true;
    try {
      this.#server = await this.#options.issue(this.authority);
      const print = fingerprintOf(this.now);
      if (print !== this.#used) await this.#use(this.now);
      this.#used = print;
      this.#failed = false;
    } finally {
      this.#wake.abort();
    }
  }
}

function fingerprintOf({ authority, server }: Credentials): string {
  return authority.bundlePem + server.certificatePem;
}
