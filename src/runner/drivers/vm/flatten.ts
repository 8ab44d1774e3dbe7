import { open, rm } from 'node:fs/promises';
import { imagePath, openLevels, readChain, verifyImage } from './chain.ts';
import { emptyImage } from './memory-image.ts';
import { readLevels } from './memory-reader.ts';
import { blockBytes } from './memory-writer.ts';
import { pageBytes } from './page-index.ts';

/** The memory of a chain's last level as one file, for many machines to map at once. Good only in the process that made it, which knows that it is whole. */
export interface FlattenedMemory extends AsyncDisposable {
  readonly path: string;
  /** Digest of the record of the chain's last level. */
  readonly level: string;
}

/**
 * Makes one file of a chain's memory in `directory`, which is empty. Machines loaded with it share its pages; it is never written again. Throws
 * `StateUnusable` where a file of the chain is damaged.
 */
export async function flattenMemory(options: {
  readonly chain: readonly string[];
  readonly directory: string;
  readonly signal: AbortSignal;
}): Promise<FlattenedMemory> {
  options.signal.throwIfAborted();
  const chain = readChain(options.chain);
  const { memoryBytes } = chain[0].record.identity.facts;
  const levels = await openLevels(chain);
  const [bottom] = levels;
  const path = await emptyImage(options.directory, memoryBytes);
  try {
    await using file = await open(path, 'r+');
    const below = imagePath(chain[0]);
    if (bottom && below !== null) {
      await verifyImage(bottom);
      await using image = await open(below, 'r');
      for (const { first, count, zero } of bottom.index.runs) {
        if (zero) continue;
        for (let page = first; page < first + count; page += blockBytes / pageBytes) {
          options.signal.throwIfAborted();
          const bytes = Buffer.allocUnsafe(Math.min(blockBytes, (first + count - page) * pageBytes));
          await image.read(bytes, 0, bytes.length, page * pageBytes);
          await file.write(bytes, 0, bytes.length, page * pageBytes);
        }
      }
    }
    let work: Promise<unknown> = Promise.resolve();
    await readLevels(levels, {
      take(first, content) {
        const bytes = typeof content === 'number' ? Buffer.alloc(content * pageBytes) : content;
        work = work.then(() => file.write(bytes, 0, bytes.length, first * pageBytes));
        work.catch(() => {});
      },
      room: () => work.then(() => {}),
    });
    await work;
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
  const level = chain.at(-1)?.digest ?? '';
  return { path, level, [Symbol.asyncDispose]: () => rm(path, { force: true }) };
}
