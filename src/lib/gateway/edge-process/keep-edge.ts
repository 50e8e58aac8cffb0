// Keeps one edge running in a process of its own: what dies, falls silent or grows too large is replaced on the same ports, and control hears of it.
import { backoff } from '../../base/backoff.ts';
import { LIMITS } from '../../base/limits.ts';
import type { TcpSocket, World } from '../../base/world.ts';
import type { LogLevel } from '../../system/log.ts';
import type { EdgeManner, EdgeOrders, EdgePlaces, HandedKind } from '../border/messages.ts';
import type { Assignment, ControlForEdge, EdgeForControl, EdgeKeeping, EdgeStatus, SessionLease, SessionNotice } from '../contract.ts';
import type { EdgeConfig } from '../edge/start.ts';
import { EdgeProcess } from './edge-process.ts';
import type { HealthLimits } from './health.ts';

/** For the answer to a drain, when its time has passed. */
const DRAIN_MARGIN_MS = 5000;

export interface KeepEdgeOptions {
  readonly limits: HealthLimits;
  readonly manner: EdgeManner;
}

/** Orders to an edge that is just being replaced have nothing left to act on: they are done. */
export class KeptEdge implements EdgeForControl, AsyncDisposable {
  readonly #limits: HealthLimits;
  #manner: EdgeManner;
  readonly #world: World;
  readonly #closing = new AbortController();
  /** Undefined while it is being replaced. */
  #process: EdgeProcess | undefined;
  #serves: { readonly config: EdgeConfig; readonly control: ControlForEdge & EdgeKeeping } | undefined;
  #keeping: Promise<void> | undefined;
  #mourning: Promise<void> = Promise.resolve();
  #closed: Promise<void> | undefined;
  #restarts = 0;
  #since = 0;
  #lastLoss: string | null = null;

  /** Starts the process, which serves only after `start`. */
  constructor({ limits, manner }: KeepEdgeOptions, world: World) {
    this.#limits = limits;
    this.#manner = manner;
    this.#world = world;
    this.#process = this.#newProcess();
  }

  /** Errors as `startEdge`. Until `keep` it may be called again after an error or `stop`. */
  async start(config: EdgeConfig, control: ControlForEdge & EdgeKeeping): Promise<EdgePlaces> {
    const process = this.#process ?? this.#newProcess();
    this.#process = process;
    const places = await process.start(config, this.#manner, control);
    this.#serves = { config: { ...config, udp: places.udp, ...(places.proxy && { proxyListen: places.proxy }) }, control };
    this.#since = this.#world.clock.monotonic();
    return places;
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }

  /** From here on it is replaced when it is lost. */
  keep(): void {
    if (this.#process) this.#keeping ??= this.#keep(this.#process);
  }

  get status(): EdgeStatus {
    const process = this.#process;
    return {
      pid: process?.pid ?? null,
      restarts: this.#restarts,
      since: this.#since,
      memoryBytes: process?.memoryBytes ?? 0,
      lateMs: process?.lateMs ?? 0,
      lastLoss: this.#lastLoss,
    };
  }

  /** Owns the socket: while no edge runs it is reset. */
  readonly takeOperator = (socket: TcpSocket): void => this.#take('operator', socket);
  /** As `takeOperator`. */
  readonly takeAgent = (socket: TcpSocket): void => this.#take('agent', socket);

  closeLink(linkId: string, reason: string): Promise<void> {
    return this.#order('closeLink', [linkId, reason]);
  }
  endWhenIdle(linkId: string, reason: string): Promise<void> {
    return this.#order('endWhenIdle', [linkId, reason]);
  }
  endSession(sessionId: string, reason: string): Promise<void> {
    return this.#order('endSession', [sessionId, reason]);
  }
  endChannels(channelIds: readonly string[], reason: string): Promise<void> {
    return this.#order('endChannels', [channelIds, reason]);
  }
  updateSession(lease: SessionLease): Promise<void> {
    return this.#order('updateSession', [lease]);
  }
  tellOperators(connections: readonly string[], notice: SessionNotice): Promise<void> {
    return this.#order('tellOperators', [connections, notice]);
  }
  assign(linkId: string, assignment: Assignment): Promise<void> {
    return this.#order('assign', [linkId, assignment]);
  }
  useCertificate(certificatePem: string, trustedCaPem: string): Promise<void> {
    if (this.#serves) this.#serves = { ...this.#serves, config: { ...this.#serves.config, certificatePem, trustedCaPem } };
    return this.#order('useCertificate', [certificatePem, trustedCaPem]);
  }
  useLogLevel(logLevel: LogLevel): Promise<void> {
    this.#manner = { ...this.#manner, logLevel };
    return this.#order('useLogLevel', [logLevel]);
  }
  drain(delayMs: number): Promise<void> {
    return this.#order('drain', [delayMs], delayMs + DRAIN_MARGIN_MS);
  }

  /** Cuts what still runs; resolves when control has heard of each end and no process is left. Twice is once. */
  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #take(from: HandedKind, socket: TcpSocket): void {
    if (this.#process) this.#process.take(from, socket);
    else socket.on('error', () => {}).resetAndDestroy();
  }

  async #end(): Promise<void> {
    this.#closing.abort();
    await this.#process?.close();
    await this.#keeping;
    await this.#mourning;
  }

  #newProcess(): EdgeProcess {
    return new EdgeProcess(this.#limits, this.#world);
  }

  async #order(method: Exclude<keyof EdgeOrders, 'start' | 'stop'>, args: readonly unknown[], ms?: number): Promise<void> {
    const process = this.#process;
    await process?.order(method, args, ms).catch((error: unknown) => {
      if (!process.over) throw error;
    });
  }

  async #keep(first: EdgeProcess): Promise<void> {
    const { clock, random } = this.#world;
    let process: EdgeProcess | undefined = first;
    for (let failures = 0; ; ) {
      const servedSince = clock.monotonic();
      const reason = await process.ended;
      if (this.#closing.signal.aborted) return;
      this.#lose(process, reason);
      if (clock.monotonic() - servedSince > LIMITS.goodLinkMs) failures = 0;
      process = undefined;
      while (process === undefined) {
        if (failures > 0) await clock.sleep(backoff(failures, 0, random), this.#closing.signal);
        if (this.#closing.signal.aborted) return;
        failures += 1;
        process = await this.#replace(reason);
      }
    }
  }

  /** Control hears of it while the next one starts. */
  #lose(process: EdgeProcess, reason: string): void {
    const { log } = this.#world;
    this.#process = undefined;
    this.#lastLoss = reason;
    log.warn({ pid: process.pid, reason }, 'the edge is lost and will be replaced');
    const told = this.#serves?.control
      .lost({ pid: process.pid, reason })
      .catch((error: unknown) => log.error({ error }, 'the loss of the edge could not be written down'));
    this.#mourning = Promise.all([this.#mourning, told]).then(() => {});
  }

  /** Undefined where it could not start. */
  async #replace(reason: string): Promise<EdgeProcess | undefined> {
    const { clock, log } = this.#world;
    if (this.#serves === undefined) return undefined;
    const { config, control } = this.#serves;
    const manner = this.#manner;
    const process = this.#newProcess();
    const abandon = () => void process.close();
    this.#closing.signal.addEventListener('abort', abandon, { once: true });
    try {
      await process.start(config, manner, control);
      const now = this.#serves.config; // a new certificate may have come meanwhile
      if (now !== config) await process.order('useCertificate', [now.certificatePem, now.trustedCaPem]);
      if (this.#manner !== manner) await process.order('useLogLevel', [this.#manner.logLevel]);
    } catch (error) {
      log.error({ error }, 'the edge could not be replaced');
      await process.close();
      return undefined;
    } finally {
      this.#closing.signal.removeEventListener('abort', abandon);
    }
    this.#process = process;
    this.#restarts += 1;
    this.#since = clock.monotonic();
    log.warn({ pid: process.pid, reason, restarts: this.#restarts }, 'the edge was replaced');
    control.restarted({ pid: process.pid, reason, restarts: this.#restarts });
    return process;
  }
}
