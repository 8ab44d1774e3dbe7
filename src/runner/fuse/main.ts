import { isMainThread, workerData } from 'node:worker_threads';

/**
 * The view server's process. Its main thread talks to the runner and never touches the mount; its worker sits in the blocking loop on the device.
 * The process ends by SIGKILL only: `process.exit` would wait for the blocked worker.
 */
if (isMainThread) {
  const { relay } = await import('./relay.ts');
  relay(new URL(import.meta.url));
} else {
  const { work } = await import('./work.ts');
  work(workerData);
}
