import { isFeatureAvailable, restoreCache, saveCache } from '@actions/cache';
import type { CacheAnswer, CacheRequest } from './messages.ts';

/*
 * A process that speaks with the cache service by GitHub's own library. A process of its own, since the library takes its paths from the working
 * directory and the environment, writes to the log of the job, and says only there why something failed.
 */
const file = 'object';
let said = '';
process.stdout.write = ((text: string | Uint8Array, ...rest: unknown[]): boolean => {
  said += typeof text === 'string' ? text : Buffer.from(text).toString('utf8');
  for (const one of rest) if (typeof one === 'function') (one as () => void)();
  return true;
}) as typeof process.stdout.write;

process.on('message', (request: CacheRequest) => {
  said = '';
  answer(request).then(
    (found) => process.send?.(found),
    (error: unknown) => process.send?.({ key: null, why: error instanceof Error ? error.message : String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));

async function answer(request: CacheRequest): Promise<CacheAnswer> {
  if (!isFeatureAvailable()) return { key: null, why: 'this job has no cache service' };
  switch (request.kind) {
    case 'restore': {
      const key = await restoreCache([file], request.key, [...request.prefixes]);
      return { key: key ?? null, why: key === undefined ? complaint() : null };
    }
    case 'save': {
      const id = await saveCache([file], request.key);
      if (id >= 0) return { key: request.key, why: null };
      const why = complaint();
      // Somebody else may have saved the same, which is as good; the library calls every refusal so.
      const there = why === null ? await restoreCache([file], request.key, [], { lookupOnly: true }) : undefined;
      if (there === request.key) return { key: null, why: null };
      return { key: null, why: why ?? complaint() ?? 'it takes no new entries' };
    }
  }
}

/** What the library warned of; null where it did not. */
function complaint(): string | null {
  const found = /^::(?:warning|error)[^:]*::(.*)$/m.exec(said)?.[1];
  if (found === undefined) return null;
  const text = found.replaceAll('%0D', '').replaceAll('%0A', ' ').replaceAll('%25', '%');
  return text.replace(/^Failed to (?:save|restore): /, '').slice(0, 300);
}
