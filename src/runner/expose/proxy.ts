import { createServer, type ClientRequest, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline, type Duplex } from 'node:stream';
import { endToEnd, framingOf, requestedHost, requestHeaders } from './header-lines.ts';
import { reasonOf } from './ready.ts';
import { chooseRoute, mergeSites, targetFault, upstreamTarget, type Site, type WebsiteRoute } from './route.ts';
import { listenOnLoopback, type ListenFailure } from './listen.ts';
import { openUpstream, startRequest } from './upstream.ts';

/** The one door to all websites of a run; on loopback only. */
export interface Proxy extends AsyncDisposable {
  readonly failure: null;
  readonly port: number;
  /** Shows these sites from now on, and no others. */
  show(sites: readonly Site[]): void;
}

/**
 * Serves the websites of running machines under their host names. A request for any other name is refused (a page elsewhere could have made
 * its own name lead here), and so is one whose end two parsers could see differently.
 */
export async function startProxy(options: { readonly port: number }): Promise<Proxy | ListenFailure> {
  let sites: ReadonlyMap<string, Site> = new Map();
  const servers: Server[] = [];
  const sockets = new Set<Duplex>();
  const make = (): Server => {
    const server = createServer({ insecureHTTPParser: false, requireHostHeader: true, requestTimeout: 0 });
    server.on('connection', (socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    server.on('request', (request, response) => void serve(request, response, find(request)));
    server.on('upgrade', (request, socket, head) => void upgrade({ request, socket, head, found: find(request) }));
    server.on('connect', (_, socket) => socket.end('HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\n\r\n'));
    servers.push(server);
    return server;
  };
  const find = (request: IncomingMessage): Found => findRoute(request, sites);
  const listening = await listenOnLoopback(make, options.port);
  if (listening.failure !== null) return listening;
  return {
    failure: null,
    port: listening.port,
    show: (shown) => {
      sites = mergeSites(shown);
    },
    [Symbol.asyncDispose]: async () => {
      const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)));
      for (const socket of sockets) socket.destroy();
      await Promise.all(closed);
    },
  };
}

/** Where a request goes, or why it goes nowhere. */
type Found =
  | { readonly route: WebsiteRoute; readonly target: string; readonly headers: string[] }
  | { readonly status: number; readonly why: string };

function findRoute(request: IncomingMessage, sites: ReadonlyMap<string, Site>): Found {
  const { port } = request.socket.address() as AddressInfo;
  const host = requestedHost(request.rawHeaders, port);
  const site = host === null ? undefined : sites.get(host);
  if (site === undefined) {
    const names = [...sites.keys()].map((name) => `http://${name}:${port}/`);
    return {
      status: 421,
      why: `There is no such website here.${names.length > 0 ? ` There is:\n${names.join('\n')}` : ''}`,
    };
  }
  const target = request.url ?? '';
  const fault = targetFault(target);
  if (fault !== null) return { status: 400, why: `This request is not passed on: ${fault}.` };
  const framing = framingOf(request.rawHeaders);
  if (typeof framing === 'object') return { status: 400, why: `This request is not passed on: ${framing.fault}.` };
  const route = chooseRoute(site.routes, target);
  if (route === null) {
    return {
      status: 404,
      why: `Nothing is shown at this path. There is:\n${site.routes.map((one) => one.path).join('\n')}`,
    };
  }
  const headers = requestHeaders(request.rawHeaders, {
    address: request.socket.remoteAddress ?? '127.0.0.1',
    host: request.headers.host ?? '',
    port,
  });
  return { route, target: upstreamTarget(route, target), headers };
}

async function serve(request: IncomingMessage, response: ServerResponse, found: Found): Promise<void> {
  response.on('error', () => {});
  if (!('route' in found)) return answer(response, found);
  const stream = await openUpstream(found.route).catch((error: unknown) => reasonOf(error));
  if (typeof stream === 'string') return answer(response, unanswered(found.route, stream));
  stream.on('error', () => {});
  if (response.destroyed) {
    stream.destroy();
    return;
  }
  const framing = framingOf(request.rawHeaders);
  const onward = startRequest(stream, {
    method: request.method ?? 'GET',
    target: found.target,
    headers: [
      ...found.headers,
      'Connection',
      'close',
      ...(framing === 'chunked' ? ['Transfer-Encoding', 'chunked'] : []),
    ],
  });
  const abandon = (): void => void stream.destroy();
  response.once('close', abandon);
  onward.on('error', (error) => {
    if (response.headersSent) response.destroy();
    else answer(response, unanswered(found.route, reasonOf(error)));
  });
  onward.once('response', (reply) => {
    response.writeHead(reply.statusCode ?? 502, reply.statusMessage, endToEnd(reply.rawHeaders));
    response.flushHeaders();
    pipeline(reply, response, () => stream.destroy());
  });
  onward.once('upgrade', () => {
    stream.destroy();
    answer(response, unanswered(found.route, 'it switched protocols without being asked'));
  });
  if (framing === 'none') onward.end();
  else {
    request.on('error', () => stream.destroy());
    request.pipe(onward);
  }
}

async function upgrade(parts: {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly found: Found;
}): Promise<void> {
  const { request, socket, head, found } = parts;
  socket.on('error', () => {});
  if (!('route' in found)) return refuse(socket, found);
  if (framingOf(request.rawHeaders) !== 'none') return refuse(socket, { status: 400, why: 'An upgrade has no body.' });
  const stream = await openUpstream(found.route).catch((error: unknown) => reasonOf(error));
  if (typeof stream === 'string') return refuse(socket, unanswered(found.route, stream));
  stream.on('error', () => socket.destroy());
  if (socket.destroyed) {
    stream.destroy();
    return;
  }
  const onward: ClientRequest = startRequest(stream, {
    method: request.method ?? 'GET',
    target: found.target,
    headers: [...found.headers, 'Connection', 'Upgrade', 'Upgrade', request.headers.upgrade ?? ''],
  });
  socket.once('close', () => stream.destroy());
  onward.on('error', (error) => refuse(socket, unanswered(found.route, reasonOf(error))));
  onward.once('upgrade', (reply, _, first) => {
    const headers = [...endToEnd(reply.rawHeaders), 'Connection', 'Upgrade', 'Upgrade', reply.headers.upgrade ?? ''];
    socket.write(headOf(101, reply.statusMessage ?? 'Switching Protocols', headers));
    socket.write(first);
    stream.write(head);
    pipeline(stream, socket, () => {});
    pipeline(socket, stream, () => {});
  });
  onward.once('response', (reply) => {
    socket.write(
      headOf(reply.statusCode ?? 502, reply.statusMessage ?? '', [
        ...endToEnd(reply.rawHeaders),
        'Connection',
        'close',
      ]),
    );
    pipeline(reply, socket, () => stream.destroy());
  });
  onward.end();
}

function unanswered(route: WebsiteRoute, why: string): { readonly status: number; readonly why: string } {
  return { status: 502, why: `Port ${route.port} of ${route.runner} gave no answer: ${why}.` };
}

function answer(response: ServerResponse, said: { readonly status: number; readonly why: string }): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(said.status, {
    'content-type': 'text/plain; charset=utf-8',
    'x-content-type-options': 'nosniff',
    connection: 'close',
  });
  response.end(`${said.why}\n`);
}

function refuse(socket: Duplex, said: { readonly status: number; readonly why: string }): void {
  const headers = ['Content-Type', 'text/plain; charset=utf-8', 'Connection', 'close'];
  socket.end(`${headOf(said.status, 'Refused', headers)}${said.why}\n`);
}

function headOf(status: number, message: string, headers: readonly string[]): string {
  const lines = [`HTTP/1.1 ${status} ${message}`];
  for (let index = 0; index + 1 < headers.length; index += 2) lines.push(`${headers[index]}: ${headers[index + 1]}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}
