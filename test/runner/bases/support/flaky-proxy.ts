import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a proxy does to an answer on its way: cut the connection after so many bytes of body, answer 503, add bytes, or pass it on. */
export type Fault = { readonly cutAfter: number } | { readonly status: number } | { readonly append: string } | null;

/** A server on loopback that passes everything on to another, and breaks what it is told to. */
export async function startFlakyProxy(
  target: string,
  fault: (request: IncomingMessage) => Fault,
): Promise<
  {
    readonly host: string;
    readonly seen: readonly { readonly url: string; readonly range: string | null }[];
  } & AsyncDisposable
> {
  const seen: { url: string; range: string | null }[] = [];
  const server = createServer((incoming: IncomingMessage, outgoing: ServerResponse) => {
    seen.push({ url: incoming.url ?? '', range: incoming.headers.range ?? null });
    const planned = fault(incoming);
    if (planned && 'status' in planned) {
      outgoing.writeHead(planned.status, { 'retry-after': '0' }).end();
      return;
    }
    const onward = request(`http://${target}${incoming.url}`, {
      method: incoming.method,
      headers: { ...incoming.headers, host: target },
    });
    onward.once('response', (answer) => {
      const { 'content-length': length, ...others } = answer.headers;
      const kept =
        planned !== null && 'append' in planned
          ? others
          : { ...others, ...(length ? { 'content-length': length } : {}) };
      outgoing.writeHead(answer.statusCode ?? 502, kept);
      if (planned === null) {
        answer.pipe(outgoing);
        return;
      }
      if ('append' in planned) {
        answer.on('data', (chunk: Buffer) => outgoing.write(chunk));
        answer.on('end', () => outgoing.end(planned.append));
        return;
      }
      let sent = 0;
      answer.on('data', (chunk: Buffer) => {
        const part = chunk.subarray(0, planned.cutAfter - sent);
        sent += part.length;
        outgoing.write(part, () => {
          if (sent >= planned.cutAfter) setTimeout(() => outgoing.destroy(), 20);
        });
      });
      answer.on('end', () => {
        if (sent < planned.cutAfter) outgoing.end();
      });
    });
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
