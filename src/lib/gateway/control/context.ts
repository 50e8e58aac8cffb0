// What every operation of control works on; each file beside it is one operation.
import type { ConfigAnswer, ReloadAnswer } from '../../api/config.ts';
import type { World } from '../../base/world.ts';
import type { Authority } from '../../pki/authority.ts';
import type { DirectNetwork } from '../../policy/direct.ts';
import { formatRoute } from '../../routing/route.ts';
import type { Store } from '../../store/open.ts';
import type { SigningKey } from '../../tokens/signing-keys.ts';
import type { CaDesk } from '../ca-on-disk.ts';
import type { Assignment, EdgeForControl, EdgeStatus } from '../contract.ts';
import { noGateway } from '../take-folder.ts';
import type { Attempts } from './attempts.ts';
import type { AuditLog } from './audit-log.ts';
import type { Draining } from './drain.ts';
import type { Ephemerals } from './ephemeral.ts';
import type { RecentFailures } from './failures.ts';
import type { KnownAgent } from './known-agent.ts';
import type { Logins } from './logins.ts';
import type { PolicyInForce } from './policy-in-force.ts';
import type { Registry } from './registry.ts';
import type { SessionUsers } from './session-users.ts';
import type { Sessions } from './sessions.ts';
import type { Tallies } from './tallies.ts';

/** Stock agents renew only right after they have linked, in the last 15 days: theirs live as long as the reference issues them. */
const STOCK_LEAF_MS = 365 * 86_400_000;

/** How the gateway is reached; stored, so that it is known without a running one. */
export interface PublicPlaces {
  readonly url: string;
  /** host:port. */
  readonly quic: string;
}

/** What only a running gateway has. */
export interface Serving {
  readonly places: PublicPlaces;
  /** host:port for the CLI's CONNECT. */
  readonly connect: string;
  /** https URL for plain clients. */
  readonly proxyUrl: string | null;
  readonly tcp: string;
  readonly udp: string;
  readonly proxy: string | null;
  /** SPKI of the server's key, lower-case hex. */
  readonly serverPin: string;
  readonly edge: EdgeForControl;
  readonly edgeStatus: () => EdgeStatus;
  readonly settings: () => ConfigAnswer;
  /** Reads the configuration again, for whom. Errors as `RunningConfig.reload`. */
  readonly reload: (actor: string) => Promise<ReloadAnswer>;
  /** Monotonic. */
  readonly since: number;
}

/** What of the configuration control itself goes by. */
export interface ControlSettings {
  /** How long certificates of agents last, ms. */
  readonly agentCertMs: number;
  /** How long sessions may last, ms; null: as long as they are used. */
  readonly longestSessionMs: number | null;
  /** Networks and ports that the gateway may connect to itself. */
  readonly direct: readonly DirectNetwork[];
}

export interface ControlContext {
  readonly world: World;
  readonly store: Store;
  readonly ca: CaDesk;
  /** Of this moment: a rotation changes it. */
  readonly authority: Authority;
  /** The first one signs. */
  readonly keys: readonly [SigningKey, ...SigningKey[]];
  readonly audit: AuditLog;
  readonly registry: Registry;
  readonly policy: PolicyInForce;
  readonly sessions: Sessions;
  readonly users: SessionUsers;
  readonly ephemerals: Ephemerals;
  readonly logins: Logins;
  readonly attempts: Attempts;
  readonly tallies: Tallies;
  readonly draining: Draining;
  /** Of this moment: a reload changes them. */
  readonly settings: ControlSettings;
  readonly failures: RecentFailures;
  /** Undefined before the gateway was ever started. */
  readonly places: () => PublicPlaces | undefined;
  /** Undefined without a running gateway. */
  readonly serving: () => Serving | undefined;
}

/** Error `gateway.unreachable`: the data folder alone cannot do this. */
export function assertServing(context: ControlContext): Serving {
  const serving = context.serving();
  if (!serving) throw noGateway();
  return serving;
}

/** Of the certificate that is issued to an agent now, ms. */
export function leafLifetime({ settings }: ControlContext, agent: { readonly stock: boolean }): number {
  return agent.stock ? STOCK_LEAF_MS : settings.agentCertMs;
}

/** What an administrator allows an agent, as the edge tells it. */
export function assignmentOf({ allowed, ports }: Pick<KnownAgent, 'allowed' | 'ports'>): Assignment {
  return {
    subnets: allowed.filter(({ kind }) => kind === 'subnet').map(formatRoute),
    names: allowed.filter(({ kind }) => kind === 'name').map(formatRoute),
    ports,
    kinds: ['tcp'],
  };
}
