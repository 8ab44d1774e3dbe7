import { watch } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** How long nothing more may change before it counts: editors write in several steps. */
const restMs = 50;

/** Resolves when a Layerfile or the configuration of a repository has changed, or when the signal comes. */
export async function nextChange(root: string, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const watcher = watch(root, { recursive: true, persistent: true }, (_event, name) => {
      if (name === null || concerns(name)) done();
    });
    const done = (): void => {
      signal.removeEventListener('abort', done);
      watcher.close();
      resolve();
    };
    watcher.on('error', done);
    signal.addEventListener('abort', done);
  });
  if (!signal.aborted) await sleep(restMs);
}

function concerns(path: string): boolean {
  return /(^|\/)Layerfile$/.test(path) || path === '.layer/config.json' || path === '.layerignore';
}
