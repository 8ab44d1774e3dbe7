import { open, rm } from 'node:fs/promises';
import { imagePath, openLevels, readChain, verifyImage } from './chain.ts';
import { emptyImage } from './memory-image.ts';
import { readLevels } from './memory-reader.ts';
import { blockBytes } from './memory-writer.ts';
import { pageBytes, rangesOf } from './page-index.ts';

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
      await using image = await open(below, 'r');
      const pieces = piecesOf(rangesOf(bottom.index.runs));
      const copy = async (): Promise<void> => {
        const room = Buffer.allocUnsafeSlow(blockBytes);
        for (let piece = pieces.shift(); piece !== undefined; piece = pieces.shift()) {
          options.signal.throwIfAborted();
          const [start, end] = piece;
          await image.read(room, 0, end - start, start);
          await file.write(room, 0, end - start, start);
        }
      };
      await Promise.all([verifyImage(bottom), copy(), copy()]);
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

/** Ranges cut into what is copied at once. */
function piecesOf(ranges: readonly (readonly [start: number, end: number])[]): (readonly [number, number])[] {
  return ranges.flatMap(([start, end]) =>
    Array.from({ length: Math.ceil((end - start) / blockBytes) }, (_, n): readonly [number, number] => {
      const from = start + n * blockBytes;
      return [from, Math.min(end, from + blockBytes)];
    }),
  );
}
