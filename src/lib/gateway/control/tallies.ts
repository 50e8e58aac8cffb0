// What the gateway counts since its start, for whoever asks for its metrics: plain numbers, so that counting costs nothing where nobody asks.

interface Meaning {
  readonly help: string;
  readonly labels: readonly string[];
}

/** The one closed list; names are a contract (docs/api.md, Metrics). */
export const TALLIES = {
  http_requests_total: { help: 'Requests at the API, by endpoint and status.', labels: ['method', 'route', 'status'] },
  http_request_seconds_total: { help: 'Time that requests took to be answered.', labels: ['method', 'route'] },
  channels_opened_total: { help: 'Channels to targets that were opened.', labels: [] },
  channels_refused_total: { help: 'Channels that were refused, by error code.', labels: ['code'] },
  channels_ended_total: { help: 'Channels that ended.', labels: [] },
  channel_bytes_total: { help: 'Bytes that channels have carried, counted at their end; up is from the operator.', labels: ['direction'] },
  sessions_opened_total: { help: 'Sessions that were opened.', labels: [] },
  sessions_ended_total: { help: 'Sessions that ended, by reason.', labels: ['reason'] },
} as const satisfies Record<string, Meaning>;

export type TallyName = keyof typeof TALLIES;
type LabelsOf<Name extends TallyName> = Readonly<Record<(typeof TALLIES)[Name]['labels'][number], string>>;

export interface Counted {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export class Tallies {
  readonly #counts = new Map<TallyName, Map<string, Counted>>();

  /** Labels come from closed lists of ours, never from a peer. */
  add<Name extends TallyName>(name: Name, labels: LabelsOf<Name>, by = 1): void {
    const counts = this.#counts.get(name) ?? new Map<string, Counted>();
    this.#counts.set(name, counts);
    const key = Object.values(labels).join('\n');
    counts.set(key, { labels, value: (counts.get(key)?.value ?? 0) + by });
  }

  of(name: TallyName): Counted[] {
    return [...(this.#counts.get(name)?.values() ?? [])];
  }
}
