// Judges configuration files before anything reads them in earnest, for `tunnel config check`. Changes nothing.
import { basename } from 'node:path';
import { AgentConfig, configPath, parseConfig as parseAgentConfig } from '../agent/config.ts';
import { unknownKeys } from '../base/config-file.ts';
import { TunnelError } from '../base/errors.ts';
import type { Files } from '../base/world.ts';
import { parseConfig as parseGatewayConfig, StoredConfig } from '../gateway/config-file.ts';
import { dataFolder } from '../gateway/data-folder.ts';

export interface JudgedFile {
  readonly file: string;
  readonly kind: 'gateway' | 'agent';
  /** Keys that are no settings: kept, and without effect. */
  readonly unknown: readonly string[];
}

/** A file of either kind; by its name, or by what it holds. Errors `config.invalid`, naming field and line. */
export async function checkFile(path: string, files: Files): Promise<JudgedFile> {
  const content = await files.read(path);
  if (content === undefined) throw new TunnelError('config.invalid', `there is no file at ${path}`);
  return judge(path, content);
}

/** What lies in a data folder. Errors as `checkFile`, also where there is nothing; `file.loose-mode`. */
export async function checkFolder(dataDir: string, files: Files): Promise<JudgedFile[]> {
  const judged: JudgedFile[] = [];
  for (const path of [dataFolder(dataDir).config, configPath(dataDir)]) {
    const content = await files.readSecret(path);
    if (content !== undefined) judged.push(judge(path, content));
  }
  if (judged.length > 0) return judged;
  throw new TunnelError('config.invalid', `${dataDir} holds no gateway.json and no agent.json`, {
    hint: 'The first gateway start writes the one, tunnel agent enroll the other.',
  });
}

function judge(file: string, content: Uint8Array): JudgedFile {
  if (kindOf(file, content) === 'agent') {
    parseAgentConfig(file, content);
    return { file, kind: 'agent', unknown: unknownKeys(content, AgentConfig.shape) };
  }
  parseGatewayConfig(file, content);
  return { file, kind: 'gateway', unknown: unknownKeys(content, StoredConfig.shape) };
}

function kindOf(file: string, content: Uint8Array): JudgedFile['kind'] {
  if (basename(file) === 'gateway.json') return 'gateway';
  const looksLikeAgent = unknownKeys(content, StoredConfig.shape).some((key) => Object.hasOwn(AgentConfig.shape, key));
  return basename(file) === 'agent.json' || looksLikeAgent ? 'agent' : 'gateway';
}
