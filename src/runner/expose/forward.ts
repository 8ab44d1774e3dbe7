import { createServer, type Server } from 'node:net';
import { pipeline, type Duplex } from 'node:stream';
import { listenOnLoopback, type ListenFailure } from './listen.ts';
import type { Connect } from './route.ts';

/** A port of this host's loopback that leads to one in a machine. */
export interface Forward extends AsyncDisposable {
  readonly failure: null;
  readonly port: number;
  /** Whether the port asked for was taken, and another is used. */
  readonly moved: boolean;
}

/** Forwards each connection to a port outside to the one inside. Where the port outside is taken, a free one is used instead. */
export async function startForward(options: {
  readonly outside: number;
  readonly inside: number;
  readonly connect: Connect;
}): Promise<Forward | ListenFailure> {
  const servers: Server[] = [];
  const sockets = new Set<Duplex>();
  const make = (): Server => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      socket.on('error', () => {});
      options.connect(options.inside).then(
        (stream) => {
          stream.on('error', () => {});
          pipeline(socket, stream, (error) => void (error && stream.destroy()));
          pipeline(stream, socket, (error) => void (error && socket.destroy()));
          socket.once('close', () => stream.destroy());
        },
        () => socket.destroy(),
      );
    });
    servers.push(server);
    return server;
  };
  const asked = await listenOnLoopback(make, options.outside);
  const listening = asked.failure === null ? asked : await listenOnLoopback(make, 0);
  if (listening.failure !== null) return listening;
  return {
    failure: null,
    port: listening.port,
    moved: listening.port !== options.outside,
    [Symbol.asyncDispose]: async () => {
      const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)));
      for (const socket of sockets) socket.destroy();
      await Promise.all(closed);
    },
  };
}
