import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { BaseSource } from '../../ir/ir.ts';
import type { BaseHost } from './host.ts';
import { isCode } from './program.ts';
import { recipeVersion } from './recipe.ts';

/** What a name was found to mean in this store. */
export interface Resolution {
  readonly name: string;
  readonly source: BaseSource;
  readonly digest: string;
  /** What it was made from, to see whether a refresh changes anything. */
  readonly origin: string;
  readonly provider: string;
  /** Milliseconds since 1970; only for `layer pull --older-than`, never part of an identity. */
  readonly resolvedAtMs: number;
}

/** A name for files that belong to a base's name and source, as this recipe makes it; for whoever has the same repository. */
export function sharedKey(name: string, source: BaseSource, architecture: string): string {
  return createHash('sha256')
    .update(JSON.stringify([recipeVersion, name, source, architecture]))
    .digest('hex')
    .slice(0, 32);
}

/** The same for this machine, where several repositories may have tarballs and directories of their own under one path. */
export function recordKey(
  name: string,
  source: BaseSource,
  host: Pick<BaseHost, 'architecture' | 'repositoryRoot'>,
): string {
  if (!('path' in source)) return sharedKey(name, source, host.architecture);
  return sharedKey(name, { ...source, path: resolve(host.repositoryRoot, source.path) }, host.architecture);
}

/** What the store knows about a name; null where it knows nothing (or nothing readable). One small file: for an asynchronous read Node would start threads. */
export async function readResolution(directory: string, key: string): Promise<Resolution | null> {
  try {
    const record = JSON.parse(readFileSync(join(directory, 'names', `${key}.json`), 'utf8')) as Resolution;
    return typeof record.digest === 'string' && /^sha256:[0-9a-f]{64}$/.test(record.digest) ? record : null;
  } catch (error) {
    if (isCode(error, 'ENOENT') || error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Keeps what a name means, at once or not at all. */
export async function writeResolution(directory: string, key: string, record: Resolution): Promise<void> {
  await mkdir(join(directory, 'names'), { recursive: true });
  const path = join(directory, 'names', `${key}.json`);
  await writeFile(`${path}.new`, `${JSON.stringify(record, null, 2)}\n`);
  await rename(`${path}.new`, path);
}
