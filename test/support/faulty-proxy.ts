import { createServer, request as forward, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What becomes of a request: an answer with this status; the connection breaks before it, or in the middle of its body, or of the answer's; null: nothing. */
export type ProxyFault = number | 'drop' | 'cut request' | 'cut response' | null;

/** A proxy on loopback before a service of ours there, which fails as it is told. */
export interface FaultyProxy extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  /** Asked for each request: its method, and its path with what follows. */
  fault: (method: string, path: string) => ProxyFault;
  readonly requests: string[];
  /** Bytes of bodies that reached the service, and that it answered with. */
  readonly bytes: { sent: number; received: number };
}

export async function startFaultyProxy(target: string): Promise<FaultyProxy> {
  const [hostname = '', port = ''] = target.split(':');
  const server = createServer((incoming, outgoing) => {
    void collect(incoming).then((body) => {
      const { method = '', url = '' } = incoming;
      proxy.requests.push(`${method} ${url}`);
      const fault = proxy.fault(method, url);
      if (typeof fault === 'number') return outgoing.writeHead(fault).end('{}');
      if (fault === 'drop') return void incoming.socket.destroy();
      // What a service keeps of a request that broke off is the half that reached it.
      const half = Math.floor(body.byteLength / 2);
      const there = fault === 'cut request' ? body.subarray(0, half) : body;
      const headers = { ...incoming.headers };
      if (fault === 'cut request') delete headers['content-range'];
      const onward = forward(
        { hostname, port, method, path: url, headers: { ...headers, 'content-length': there.byteLength } },
        (answer) => {
          proxy.bytes.sent += there.byteLength;
          void collect(answer).then((bytes) => {
            if (fault === 'cut request') return void incoming.socket.destroy();
            outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
            if (fault === null) {
              proxy.bytes.received += bytes.byteLength;
              return void outgoing.end(bytes);
            }
            const part = bytes.subarray(0, Math.floor(bytes.byteLength / 2));
            proxy.bytes.received += part.byteLength;
            outgoing.write(part, () => outgoing.destroy());
          });
        },
      );
      onward.on('error', () => incoming.socket.destroy());
      return onward.end(there);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: FaultyProxy = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    fault: () => null,
    requests: [],
    bytes: { sent: 0, received: 0 },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}

async function collect(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of stream) chunks.push(chunk as Buffer);
  } catch {
    // Whoever sent it is gone; so far it came.
  }
  return Buffer.concat(chunks);
}
