import type { Slots } from './context.ts';

/** So many places; whoever comes first is served first. Giving a place back twice does no harm. */
export function createSlots(count: number): Slots {
  let free = count;
  const queue: (() => void)[] = [];
  const give = (): void => {
    const next = queue.shift();
    if (next) next();
    else free += 1;
  };
  const once = (): (() => void) => {
    let given = false;
    return () => {
      if (given) return;
      given = true;
      give();
    };
  };
  return {
    take(signal) {
      signal.throwIfAborted();
      if (free > 0) {
        free -= 1;
        return Promise.resolve(once());
      }
      return new Promise((resolve, reject) => {
        const ready = (): void => {
          signal.removeEventListener('abort', abort);
          resolve(once());
        };
        const abort = (): void => {
          queue.splice(queue.indexOf(ready), 1);
          reject(signal.reason as Error);
        };
        queue.push(ready);
        signal.addEventListener('abort', abort, { once: true });
      });
    },
  };
}
