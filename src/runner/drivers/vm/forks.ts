import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { StateUnusable } from '../../driver.ts';
import type { FlattenedMemory } from './flatten.ts';
import { flattenMemory } from './flatten.ts';

/** Memory that several machines are to begin from. */
interface Shared {
  readonly memory: FlattenedMemory;
  /** What its status says of its content, when it was made. */
  readonly content: string;
  /** How many machines are still expected, and how many are being loaded. */
  left: number;
  loading: number;
}

/** Memories as one file each, for the machines that one run forks from one state. */
export class Forks {
  readonly #shared = new Map<string, Promise<Shared>>();
  readonly #warn: (message: string) => void;

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  /**
   * Calls `load` with the memory of a chain in one file, made by whoever of `count` machines comes first and gone when all have been loaded; with null where
   * there is none, or somebody has written to it. Rejects with `StateUnusable` where the chain is damaged.
   */
  async load<T>(
    fork: {
      readonly chain: readonly string[];
      readonly count: number;
      /** On the store's file system, and there for as long as this process lives. */
      readonly directory: string;
      readonly signal: AbortSignal;
    },
    load: (memory: FlattenedMemory | null) => Promise<T>,
  ): Promise<T> {
    const key = fork.chain.join('\0');
    const known = this.#shared.get(key) ?? share(fork);
    this.#shared.set(key, known);
    const forget = (): void => {
      if (this.#shared.get(key) === known) this.#shared.delete(key);
    };
    let shared: Shared;
    try {
      shared = await known;
    } catch (error) {
      forget();
      fork.signal.throwIfAborted();
      if (error instanceof StateUnusable) throw error;
      // There is no room for it, or whoever made it was stopped.
      return await load(null);
    }
    if ((await contentOf(shared.memory.path)) !== shared.content) {
      forget();
      this.#warn('the memory that machines were to share was written to: it is not used');
      await shared.memory[Symbol.asyncDispose]();
      return await load(null);
    }
    shared.left -= 1;
    shared.loading += 1;
    if (shared.left === 0) forget();
    try {
      return await load(shared.memory);
    } finally {
      shared.loading -= 1;
      // Those that have been loaded keep it.
      if (shared.left === 0 && shared.loading === 0) await shared.memory[Symbol.asyncDispose]();
    }
  }
}

async function share({
  chain,
  count,
  directory,
  signal,
}: {
  readonly chain: readonly string[];
  readonly count: number;
  readonly directory: string;
  readonly signal: AbortSignal;
}): Promise<Shared> {
  const place = join(directory, 'forked');
  await mkdir(place, { mode: 0o700 });
  const memory = await flattenMemory({ chain, directory: place, signal });
  const content = await contentOf(memory.path);
  if (content === null) throw new Error('a file that was just made is gone');
  return { memory, content, left: count, loading: 0 };
}

async function contentOf(path: string): Promise<string | null> {
  const is = await stat(path, { bigint: true }).catch(() => null);
  return is && [is.dev, is.ino, is.size, is.mtimeNs, is.ctimeNs].join(' ');
}
