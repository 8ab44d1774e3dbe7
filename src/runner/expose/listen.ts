import type { AddressInfo, Server } from 'node:net';

/** Why nothing can listen. */
export interface ListenFailure {
  readonly failure: 'taken' | 'denied';
  readonly port: number;
}

/** Somebody listens. */
export interface Listening {
  readonly failure: null;
  readonly port: number;
}

/**
 * Listens on a port of the loopback, on both families where both are there (`*.localhost` may mean either). Port 0 takes any free one.
 * `make` gives a fresh server for each family.
 */
export async function listenOnLoopback(make: () => Server, port: number): Promise<Listening | ListenFailure> {
  const first = await listen(make(), '127.0.0.1', port);
  if (typeof first !== 'number') return first;
  const second = await listen(make(), '::1', first);
  // Without IPv6 the first is all there is; a port that somebody else has there would answer in our place.
  if (typeof second !== 'number' && second.failure === 'taken') return second;
  return { failure: null, port: first };
}

async function listen(server: Server, host: string, port: number): Promise<number | ListenFailure> {
  return new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      resolve({ failure: error.code === 'EADDRINUSE' ? 'taken' : 'denied', port });
    });
    server.listen({ host, port, ipv6Only: host.includes(':') }, () => resolve((server.address() as AddressInfo).port));
  });
}
