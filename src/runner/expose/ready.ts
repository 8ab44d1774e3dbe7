import { setTimeout as sleep } from 'node:timers/promises';
import { upstreamTarget, type Connect, type WebsiteRoute } from './route.ts';
import { openUpstream, startRequest } from './upstream.ts';

/** How long an EXPOSE waits for its service. */
export const readyTimeoutMs = 120_000;
/** How long one attempt may take: a first page may have to be built. */
const attemptMs = 30_000;
const pauseMs = { first: 50, most: 500 };

export type Readiness =
  | { readonly ready: true; readonly durationMs: number }
  | { readonly ready: false; readonly why: string }
  | { readonly ready: 'cancelled' };

export interface ReadyOptions {
  readonly timeoutMs?: number;
  readonly signal: AbortSignal;
}

/** Waits until a website answers over HTTP, whatever its status. `host` is what it is asked for (`Host`). */
export function websiteReady(
  route: WebsiteRoute,
  options: ReadyOptions & { readonly host: string },
): Promise<Readiness> {
  return poll(options, `${route.scheme} answer on port ${route.port}`, (signal) =>
    askWebsite(route, options.host, signal),
  );
}

/** Waits until a TCP port takes a connection. */
export function portReady(
  service: { readonly port: number; readonly connect: Connect },
  options: ReadyOptions,
): Promise<Readiness> {
  return poll(options, `connection to port ${service.port}`, async (signal) => {
    const stream = await abandonable(service.connect(service.port), signal);
    stream.on('error', () => {});
    stream.destroy();
  });
}

async function poll(
  options: ReadyOptions,
  what: string,
  attempt: (signal: AbortSignal) => Promise<void>,
): Promise<Readiness> {
  const timeoutMs = options.timeoutMs ?? readyTimeoutMs;
  const startMs = Date.now();
  const leftMs = (): number => timeoutMs - (Date.now() - startMs);
  let why = 'nothing was tried';
  for (let pause = pauseMs.first; ; pause = Math.min(pause * 1.5, pauseMs.most)) {
    if (options.signal.aborted) return { ready: 'cancelled' };
    if (leftMs() <= 0) return { ready: false, why: `no ${what} within ${Math.round(timeoutMs / 1000)} s: ${why}` };
    const limit = AbortSignal.any([options.signal, AbortSignal.timeout(Math.max(1, Math.min(attemptMs, leftMs())))]);
    try {
      await attempt(limit);
      return { ready: true, durationMs: Date.now() - startMs };
    } catch (error) {
      if (!limit.aborted) why = reasonOf(error);
      else if (why === 'nothing was tried') why = 'it takes connections, but gives no answer';
    }
    await sleep(Math.min(pause, Math.max(0, leftMs())), null, { signal: options.signal }).catch(() => {});
  }
}

async function askWebsite(route: WebsiteRoute, host: string, signal: AbortSignal): Promise<void> {
  const stream = await abandonable(openUpstream(route), signal);
  const headers = ['Host', host, 'User-Agent', 'layer', 'Accept', '*/*', 'Connection', 'close'];
  try {
    await new Promise<void>((resolve, reject) => {
      const request = startRequest(stream, { method: 'GET', target: upstreamTarget(route, route.path), headers });
      const abort = (): void => void request.destroy(new Error('no answer in time'));
      signal.addEventListener('abort', abort, { once: true });
      const end = (error: Error | null): void => {
        signal.removeEventListener('abort', abort);
        if (error) reject(error);
        else resolve();
      };
      request.once('response', () => end(null));
      request.once('upgrade', () => end(null));
      request.once('error', end);
      request.on('error', () => {});
      request.end();
    });
  } finally {
    stream.on('error', () => {});
    stream.destroy();
  }
}

/** A stream that is being opened, given up on abort: should it open after all, it is closed. */
async function abandonable<S extends import('node:stream').Duplex>(
  opening: Promise<S>,
  signal: AbortSignal,
): Promise<S> {
  return new Promise<S>((resolve, reject) => {
    const abort = (): void => {
      opening.then((stream) => stream.on('error', () => {}).destroy()).catch(() => {});
      reject(new Error('no connection in time'));
    };
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    opening.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/** Why a service did not answer, in words. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? String(error.code) : '';
  if (code === 'ECONNREFUSED') return 'nothing listens there';
  if (code === 'ECONNRESET') return 'the connection was closed without an answer';
  if (code.startsWith('HPE_')) return 'what answers speaks no HTTP';
  return error.message;
}
