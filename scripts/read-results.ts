// Reads what every command promises under --json, for docs/json and the tests that hold it.
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import * as agentRenewal from '../src/lib/api/agent-renewal.ts';
import * as agentStatus from '../src/lib/api/agent-status.ts';
import * as agents from '../src/lib/api/agents.ts';
import * as audit from '../src/lib/api/audit.ts';
import * as config from '../src/lib/api/config.ts';
import * as contract from '../src/lib/api/contract.ts';
import * as locks from '../src/lib/api/locks.ts';
import * as policy from '../src/lib/api/policy.ts';
import * as shapes from '../src/lib/api/shapes.ts';
import * as tokens from '../src/lib/api/tokens.ts';
import type { TunnelCommand } from '../src/lib/cli/command.ts';
import type { Shapes } from '../src/lib/cli/shape.ts';
import { root } from './read-commands.ts';

const SHAPES: Shapes = { z, ...shapes, ...locks, ...contract, ...agents, ...audit, ...policy, ...tokens, ...agentStatus, ...agentRenewal, ...config };

export interface Promised {
  /** The one document; undefined where there are only events. */
  readonly result: z.ZodType | undefined;
  /** By name, with their `event`. */
  readonly events: ReadonlyMap<string, z.ZodObject>;
}

/** What every command prints when it fails, whatever it is. */
export const ErrorDocument = z.object({
  error: contract.ErrorAnswer.shape.error,
});
const ErrorEvent = ErrorDocument.extend({ event: z.literal('error') });

/** `id` as oclif writes it, `agent:list`. */
export async function readPromised(id: string): Promise<Promised> {
  const file = pathToFileURL(`${root}src/commands/${id.replaceAll(':', '/')}.ts`);
  const { default: command } = (await import(file.href)) as { default: typeof TunnelCommand };
  const declared = Object.entries(command.events?.(SHAPES) ?? {});
  const events = declared.map(([name, event]) => [name, z.object({ event: z.literal(name), ...event.shape })] as const);
  return { result: command.result?.(SHAPES), events: new Map([...events, ...(events.length === 0 ? [] : [['error', ErrorEvent] as const])]) };
}

/** In JSON Schema: keys may be added later, so none is forbidden. */
export function jsonSchema(schema: z.ZodType): object {
  const { $schema: _, ...written } = z.toJSONSchema(schema, {
    override: ({ jsonSchema }) => {
      if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  });
  return written;
}
