// One edge in a process of its own, as control sees it: its orders and their answers, its questions, its signs of life, the sockets it is handed, its end.
import { TunnelError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { TcpSocket, World } from '../../base/world.ts';
import { type Child, startChild } from '../../system/child.ts';
import { answerTo, Calls } from '../border/calls.ts';
import type { Answer, EdgeManner, EdgeOrders, EdgePlaces, HandedKind, Told } from '../border/messages.ts';
import type { ControlForEdge } from '../contract.ts';
import { callControl, EdgePlacesAnswer, FromEdgeMessage } from '../contract-schema.ts';
import type { EdgeConfig } from '../edge/start.ts';
import { EdgeHealth, type HealthLimits } from './health.ts';

// `.ts` when Node runs the sources as they are, `.js` in dist.
const MODULE = new URL(import.meta.url.endsWith('.ts') ? '../edge/process.ts' : '../edge/process.js', import.meta.url);
/** Above this the edge is not taking them, and new ones are reset. */
const MOST_HANDING = 1024;

export class EdgeProcess {
  readonly pid: number;
  /** Why and how it ended. Its ports are free then, and what waited for it has failed. */
  readonly ended: Promise<string>;
  readonly #child: Child;
  readonly #calls: Calls<keyof EdgeOrders>;
  readonly #limits: HealthLimits;
  readonly #world: Pick<World, 'clock' | 'log'>;
  readonly #over = new AbortController();
  /** Whom it may ask, once it serves. */
  #control: ControlForEdge | undefined;
  #health: EdgeHealth | undefined;
  #killedFor: string | undefined;
  #serving = 0;
  #handing = 0;

  constructor(limits: HealthLimits, world: Pick<World, 'clock' | 'log'>) {
    this.#limits = limits;
    this.#world = world;
    this.#child = startChild(MODULE, (message) => this.#hear(message));
    this.#calls = new Calls((call) => this.#child.send(call), world.clock);
    this.pid = this.#child.pid;
    this.ended = this.#end();
  }

  get over(): boolean {
    return this.#over.signal.aborted;
  }

  /** 0 before its first sign of life. */
  get memoryBytes(): number {
    return this.#health?.rssBytes ?? 0;
  }

  get lateMs(): number {
    return this.#health?.lateMs ?? 0;
  }

  /** May be called again after an error, or after `stop`. Errors as `startEdge`, `timeout`, `internal` when the process ends instead. */
  async start(config: EdgeConfig, manner: EdgeManner, control: ControlForEdge): Promise<EdgePlaces> {
    this.#control = control;
    return EdgePlacesAnswer.parse(await this.#calls.ask('start', [config, manner], LIMITS.edgeStartMs));
  }

  async stop(): Promise<void> {
    await this.#calls.ask('stop', [], LIMITS.edgeStopMs);
  }

  async order(method: Exclude<keyof EdgeOrders, 'start' | 'stop'>, args: readonly unknown[], ms?: number): Promise<void> {
    await this.#calls.ask(method, args, ms);
  }

  /** Owns the socket from here on: the edge gets it, or it is reset. */
  take(from: HandedKind, socket: TcpSocket): void {
    if (this.over || this.#handing >= MOST_HANDING) return void socket.on('error', () => {}).resetAndDestroy();
    this.#handing += 1;
    this.#child
      .sendSocket((received) => ({ kind: 'socket', from, received }), socket)
      .catch((error: unknown) => this.#world.log.error({ error }, 'a connection could not be handed to the edge'))
      .finally(() => {
        this.#handing -= 1;
      });
  }

  /** Cuts what still runs and ends the process, by force where it does not end by itself. Twice is once. */
  async close(): Promise<void> {
    await this.stop().catch((error: unknown) => {
      if (!this.over) this.#world.log.warn({ error }, 'the edge did not stop by itself');
    });
    this.#child.disconnect();
    using _force = this.#world.clock.after(LIMITS.edgeStopMs, () => this.#kill('it did not end'));
    await this.ended;
  }

  async #end(): Promise<string> {
    const how = await this.#child.ended;
    this.#over.abort();
    const reason = this.#killedFor ?? `it ended by itself: ${how}`;
    this.#calls.end(new TunnelError('internal', `the edge is lost: ${reason}`));
    return reason;
  }

  #kill(reason: string): void {
    this.#killedFor ??= reason;
    this.#child.kill();
  }

  /** From its first sign of life on; until then the deadline of `start` holds. */
  async #watch(health: EdgeHealth): Promise<void> {
    const { clock } = this.#world;
    while (!this.over) {
      await clock.sleep(LIMITS.edgeHeartbeatMs, this.#over.signal);
      const reason = health.look(clock.monotonic());
      if (reason !== undefined) this.#kill(reason);
    }
  }

  #hear(message: unknown): void {
    if (this.over) return;
    const { data: said, error } = FromEdgeMessage.safeParse(message);
    if (error) {
      this.#world.log.error({ error }, 'the edge said what no edge says');
      this.#kill('it said what no edge says');
    } else if (said.kind === 'call') void this.#serve(said.id, said.method, said.arguments);
    else if (said.kind === 'tell') void this.#note(said.method, said.arguments);
    else if (said.kind === 'beat') {
      const now = this.#world.clock.monotonic();
      if (this.#health === undefined) {
        this.#health = new EdgeHealth(this.#limits, now);
        void this.#watch(this.#health);
      }
      this.#health.heard(said, now);
    } else if (said.kind === 'done') this.#calls.settle(said);
    else this.#calls.settle({ ...said, error: { ...said.error, hint: said.error.hint } });
  }

  async #serve(id: number, method: keyof ControlForEdge, args: readonly unknown[]): Promise<void> {
    const work = async () => {
      if (this.#serving > LIMITS.edgeCallsWaiting) throw new TunnelError('limit.reached', 'the edge asks too much at once');
      return await this.#call(method, args);
    };
    this.#serving += 1;
    const answer: Answer = await answerTo(id, work, (error) => this.#world.log.error({ error, method }, 'control failed at what the edge asked'));
    this.#serving -= 1;
    this.#child.send(answer);
  }

  async #call(method: keyof ControlForEdge, args: readonly unknown[]): Promise<unknown> {
    if (this.#control === undefined) throw new TunnelError('protocol.violation', `the edge called ${method} before it was started`);
    return await callControl(this.#control, method, args);
  }

  async #note(method: Told['method'], args: readonly unknown[]): Promise<void> {
    await this.#call(method, args).catch((error: unknown) => this.#world.log.error({ error, method }, 'what the edge told was not taken'));
  }
}
