import { request as httpRequest, type ClientRequest } from 'node:http';
import type { Duplex } from 'node:stream';
import { connect as tlsConnect } from 'node:tls';
import type { Connect } from './route.ts';

/** Opens a stream to a service in a machine, wrapped in TLS for https. Its certificate is not checked: it is the machine's own. */
export async function openUpstream(service: {
  readonly scheme: 'http' | 'https';
  readonly port: number;
  readonly connect: Connect;
}): Promise<Duplex> {
  const stream = await service.connect(service.port);
  if (service.scheme === 'http') return stream;
  const secure = tlsConnect({
    socket: stream,
    servername: 'localhost',
    rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1'],
  });
  return new Promise((resolve, reject) => {
    secure.once('secureConnect', () => {
      secure.removeListener('error', fail);
      resolve(secure);
    });
    const fail = (error: Error): void => {
      stream.destroy();
      reject(error);
    };
    secure.once('error', fail);
  });
}

/** Starts a request on a stream of its own, which ends with it. */
export function startRequest(
  stream: Duplex,
  options: { readonly method: string; readonly target: string; readonly headers: readonly string[] },
): ClientRequest {
  return httpRequest({
    createConnection: () => stream,
    method: options.method,
    path: options.target,
    headers: options.headers,
    setHost: false,
  });
}
