// The metrics of a gateway in Prometheus' text format: what was counted, and how it stands at the moment of asking.
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { VERSION } from '../../base/version.ts';
import type { ControlContext } from './context.ts';
import { TALLIES, type TallyName } from './tallies.ts';

const PREFIX = 'tunnel_';

/** Loaded at the first question: it costs more than the rest of a command's start. */
export interface Metrics {
  /** Prometheus' text format 0.0.4. */
  text(): Promise<string>;
}

export function metricsOf(context: ControlContext): Metrics {
  const { draining, registry: agents, serving, sessions, tallies } = context;
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of tallyNames()) {
    const { help, labels } = TALLIES[name];
    new Counter({
      name: `${PREFIX}${name}`,
      help,
      labelNames: [...labels],
      registers: [registry],
      collect() {
        this.reset();
        for (const { labels: values, value } of tallies.of(name)) this.inc(values, value);
      },
    });
  }
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name: `${PREFIX}${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(value());
      },
    });
  const edge = () => serving()?.edgeStatus();
  gauge('agents_online', 'Agents that are linked and alive.', () => agents.all().filter(({ online }) => online).length);
  gauge('agents_known', 'Agents that are enrolled.', () => agents.all().length);
  gauge('links', 'Links of agents.', () => agents.links().length);
  gauge('sessions', 'Live sessions of operators on agents.', () => sessions.all().length);
  gauge('channels', 'Open channels.', () => sessions.channels);
  gauge('draining', '1 while it drains: no session may begin.', () => Number(draining.begun));
  gauge('edge_up', '1 while the process that carries links and channels runs.', () => Number(typeof edge()?.pid === 'number'));
  gauge('edge_restarts', 'Times that the edge was replaced.', () => edge()?.restarts ?? 0);
  gauge('edge_memory_bytes', 'Resident memory of the edge.', () => edge()?.memoryBytes ?? 0);
  gauge('edge_late_seconds', 'How late the event loop of the edge was at its last sign of life.', () => (edge()?.lateMs ?? 0) / 1000);
  new Gauge({ name: `${PREFIX}build_info`, help: 'The version, as a label.', labelNames: ['version'], registers: [registry] }).set({ version: VERSION }, 1);
  return { text: () => registry.metrics() };
}

function tallyNames(): TallyName[] {
  return Object.keys(TALLIES).filter((name): name is TallyName => name in TALLIES);
}
