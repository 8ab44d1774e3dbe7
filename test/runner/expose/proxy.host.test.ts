import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  createServer as createHttpServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect, createServer as createTcpServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startForward } from '../../../src/runner/expose/forward.ts';
import { startProxy, type Proxy } from '../../../src/runner/expose/proxy.ts';
import { portReady, websiteReady } from '../../../src/runner/expose/ready.ts';
import type { Connect, WebsiteRoute } from '../../../src/runner/expose/route.ts';
import { scratch } from '../../support/scratch.ts';

/** A machine's loopback, as the driver gives it: here this host's. */
const here: Connect = (port) =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => resolve(socket));
    socket.once('error', reject);
  });

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    if ('closeAllConnections' in server) (server as unknown as { closeAllConnections(): void }).closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const website = (port: number, more: Partial<WebsiteRoute> = {}): WebsiteRoute => ({
  runner: 'web',
  scheme: 'http',
  port,
  path: '/',
  rewrite: null,
  connect: here,
  ...more,
});

async function proxied(routes: readonly WebsiteRoute[]): Promise<Proxy> {
  const proxy = await startProxy({ port: 0 });
  if (proxy.failure !== null) throw new Error(proxy.failure);
  onTestFinished(() => proxy[Symbol.asyncDispose]());
  proxy.show([{ host: 'main-web.localhost', routes }]);
  return proxy;
}

interface Got {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

function get(
  proxy: Proxy,
  path: string,
  options: {
    readonly method?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string | Buffer;
    readonly address?: string;
  } = {},
): Promise<Got> {
  return new Promise((resolve, reject) => {
    const headers = { host: `main-web.localhost:${proxy.port}`, ...options.headers };
    const request = httpRequest({
      host: options.address ?? '127.0.0.1',
      port: proxy.port,
      path,
      method: options.method ?? 'GET',
      headers,
      agent: false,
    });
    request.once('error', reject);
    request.once('response', (response) => {
      text(response).then(
        (body) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
        reject,
      );
    });
    request.end(options.body);
  });
}

/** Sends bytes as they are; all that comes back until the other side closes. */
function raw(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.setTimeout(3_000, () => socket.destroy());
    let got = '';
    socket.on('data', (chunk: Buffer) => (got += chunk.toString('latin1')));
    socket.once('close', () => resolve(got));
    socket.once('error', reject);
  });
}

const echo: RequestListener = (request, response) => {
  const hash = createHash('sha256');
  let length = 0;
  request.on('data', (chunk: Buffer) => {
    hash.update(chunk);
    length += chunk.length;
  });
  request.on('end', () => {
    response.setHeader('set-cookie', ['a=1', 'b=2']);
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({
        url: request.url,
        method: request.method,
        headers: request.headers,
        length,
        sha256: hash.digest('hex'),
      }),
    );
  });
};

interface Echo {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly length: number;
  readonly sha256: string;
}

describe('a website of a machine', () => {
  it('is shown under its name, with what its server needs to know', async () => {
    const proxy = await proxied([website(await listen(createHttpServer(echo)))]);
    const got = await get(proxy, '/a/b?c=d', {
      headers: { 'x-forwarded-for': '6.6.6.6', connection: 'close, x-hop', 'x-hop': '1', accept: 'x/y' },
    });
    expect(got.status).toBe(200);
    expect(got.headers['set-cookie']).toEqual(['a=1', 'b=2']);
    const seen = JSON.parse(got.body) as Echo;
    expect(seen.url).toBe('/a/b?c=d');
    expect(seen.headers).toEqual({
      host: `main-web.localhost:${proxy.port}`,
      accept: 'x/y',
      connection: 'close',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': `main-web.localhost:${proxy.port}`,
      'x-forwarded-port': String(proxy.port),
      'x-forwarded-proto': 'http',
    });
    expect((await get(proxy, '/', { address: '::1' })).status).toBe(200);
  });

  it('gets bodies whole, by length and in chunks, whatever the method', async () => {
    const proxy = await proxied([website(await listen(createHttpServer(echo)))]);
    const body = randomBytes(3_000_000);
    const expected = { length: body.length, sha256: createHash('sha256').update(body).digest('hex') };
    for (const method of ['POST', 'PUT', 'DELETE', 'GET']) {
      for (const headers of [{ 'content-length': String(body.length) }, { 'transfer-encoding': 'chunked' }]) {
        const seen = JSON.parse((await get(proxy, '/', { method, body, headers })).body) as Echo;
        expect({ length: seen.length, sha256: seen.sha256 }, method).toEqual(expected);
      }
    }
  });

  it('streams its answer as it comes', async () => {
    const port = await listen(
      createHttpServer((_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write('data: first\n\n');
      }),
    );
    const proxy = await proxied([website(port)]);
    const first = await new Promise<string>((resolve, reject) => {
      const request = httpRequest({
        host: '127.0.0.1',
        port: proxy.port,
        headers: { host: `main-web.localhost:${proxy.port}` },
      });
      request.once('error', reject);
      request.once('response', (response) => {
        response.once('data', (chunk: Buffer) => {
          resolve(chunk.toString());
          request.destroy();
        });
      });
      request.end();
    });
    expect(first).toBe('data: first\n\n');
  });

  it('passes every status on, and answers without a body', async () => {
    const statuses = [204, 304, 301, 404, 418, 500];
    const port = await listen(
      createHttpServer((request, response) => {
        response.writeHead(Number(request.url?.slice(1)), { location: '/elsewhere', 'content-length': '0' }).end();
      }),
    );
    const proxy = await proxied([website(port)]);
    for (const status of statuses) expect((await get(proxy, `/${status}`)).status).toBe(status);
    expect((await get(proxy, '/200', { method: 'HEAD' })).status).toBe(200);
  });

  it('may speak TLS with a certificate of its own', async () => {
    const directory = scratch();
    const [key, cert] = [join(directory, 'key'), join(directory, 'cert')];
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=x', '-keyout', key, '-out', cert],
      { stdio: 'ignore' },
    );
    const port = await listen(createHttpsServer({ key: readFileSync(key), cert: readFileSync(cert) }, echo));
    const secure = website(port, { scheme: 'https' });
    const proxy = await proxied([secure]);
    expect((JSON.parse((await get(proxy, '/x')).body) as Echo).url).toBe('/x');
    expect(await websiteReady(secure, { host: 'x', signal: new AbortController().signal })).toMatchObject({
      ready: true,
    });
    const plain = await websiteReady(website(port), {
      host: 'x',
      timeoutMs: 500,
      signal: new AbortController().signal,
    });
    expect(plain).toMatchObject({ ready: false });
  });

  it('goes by the longest path, rewritten where asked', async () => {
    const port = await listen(createHttpServer(echo));
    const proxy = await proxied([website(port, { path: '/api', rewrite: '/' }), website(port, { path: '/api/raw' })]);
    const url = async (path: string): Promise<string> => (JSON.parse((await get(proxy, path)).body) as Echo).url;
    expect(await url('/api/x?y')).toBe('/x?y');
    expect(await url('/api/raw/x')).toBe('/api/raw/x');
    expect(await get(proxy, '/other')).toMatchObject({
      status: 404,
      body: 'Nothing is shown at this path. There is:\n/api\n/api/raw\n',
    });
  });

  it('that does not answer is named', async () => {
    const silent = await listen(createTcpServer((socket) => socket.end()));
    const babbling = await listen(createTcpServer((socket) => socket.end('what?\r\n\r\n')));
    const proxy = await proxied([
      website(1, { path: '/dead' }),
      website(silent, { path: '/silent' }),
      website(babbling, { path: '/babbling' }),
    ]);
    expect(await get(proxy, '/dead')).toMatchObject({
      status: 502,
      body: 'Port 1 of web gave no answer: nothing listens there.\n',
    });
    expect(await get(proxy, '/silent')).toMatchObject({ status: 502 });
    expect(await get(proxy, '/babbling')).toMatchObject({
      status: 502,
      body: `Port ${babbling} of web gave no answer: what answers speaks no HTTP.\n`,
    });
  });

  it('ends its request when the visitor leaves', async () => {
    let left: (() => void) | null = null;
    const gone = new Promise<void>((resolve) => (left = resolve));
    const port = await listen(
      createHttpServer((_, response) => {
        response.write('x');
        response.once('close', () => left?.());
      }),
    );
    const proxy = await proxied([website(port)]);
    const request = httpRequest({
      host: '127.0.0.1',
      port: proxy.port,
      headers: { host: `main-web.localhost:${proxy.port}` },
    });
    request.on('error', () => {});
    request.once('response', () => request.destroy());
    request.end();
    await gone;
  });
});

describe('upgrades', () => {
  const upgradeServer = (): Server => {
    const server = createHttpServer((_, response) =>
      response.writeHead(426, { 'x-why': 'upgrade' }).end('upgrade, please'),
    );
    server.on('upgrade', (request, socket, head) => {
      if (request.url === '/refuse') {
        socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\n\r\nno!\n');
        return;
      }
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${request.headers['sec-websocket-key']}\r\n\r\n`,
      );
      socket.write(`hello ${request.url} `);
      socket.write(head);
      socket.pipe(socket);
    });
    return server;
  };
  const handshake = (proxy: Proxy, path: string, more = ''): string =>
    `GET ${path} HTTP/1.1\r\nHost: main-web.localhost:${proxy.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: abc\r\n${more}\r\n`;

  it('open a channel both ways, also for what came with the request', async () => {
    const proxy = await proxied([website(await listen(upgradeServer()), { path: '/ws', rewrite: '/' })]);
    const got = await new Promise<string>((resolve) => {
      const socket = connect(proxy.port, '127.0.0.1', () => socket.write(`${handshake(proxy, '/ws/x')}early `));
      let all = '';
      socket.on('data', (chunk: Buffer) => {
        all += chunk.toString();
        if (all.endsWith('early ')) socket.write('late ');
        if (all.endsWith('late ')) socket.end();
      });
      socket.once('close', () => resolve(all));
    });
    expect(got).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/);
    expect(got).toContain('Sec-WebSocket-Accept: abc\r\n');
    expect(got.endsWith('\r\n\r\nhello /x early late ')).toBe(true);
  });

  it('may be refused by the server, and carry no body', async () => {
    const proxy = await proxied([website(await listen(upgradeServer()))]);
    const refused = await raw(proxy.port, handshake(proxy, '/refuse'));
    expect(refused).toMatch(/^HTTP\/1\.1 401 Unauthorized\r\n/);
    expect(refused.endsWith('\r\n\r\nno!\n')).toBe(true);
    expect(await raw(proxy.port, handshake(proxy, '/', 'Content-Length: 3\r\n'))).toMatch(/^HTTP\/1\.1 400 /);
    expect(await raw(proxy.port, handshake(proxy, '/').replace('main-web', 'evil'))).toMatch(/^HTTP\/1\.1 421 /);
  });
});

describe('a request that is not for us', () => {
  it('by its host is refused', async () => {
    const proxy = await proxied([website(await listen(createHttpServer(echo)))]);
    for (const host of [
      'evil.example',
      `evil.example:${proxy.port}`,
      'main-web.localhost',
      `main-web.localhost:${proxy.port + 1}`,
      `127.0.0.1:${proxy.port}`,
    ]) {
      const got = await get(proxy, '/', { headers: { host } });
      expect(got.status, host).toBe(421);
      expect(got.body).toContain(`http://main-web.localhost:${proxy.port}/`);
    }
    const two = await raw(
      proxy.port,
      `GET / HTTP/1.1\r\nHost: main-web.localhost:${proxy.port}\r\nHost: evil\r\nConnection: close\r\n\r\n`,
    );
    expect(two).toMatch(/^HTTP\/1\.1 4(00|21) /);
  });

  it.each(['/../x', '/a/%2e%2e/x', 'http://main-web.localhost/', '/a\\b'])(
    'by its target %s is refused',
    async (target) => {
      const proxy = await proxied([website(await listen(createHttpServer(echo)))]);
      const got = await raw(
        proxy.port,
        `GET ${target} HTTP/1.1\r\nHost: main-web.localhost:${proxy.port}\r\nConnection: close\r\n\r\n`,
      );
      expect(got).toMatch(/^HTTP\/1\.1 400 /);
    },
  );

  it.each([
    [
      'two ends',
      'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n',
    ],
    ['two lengths', 'Content-Length: 0\r\nContent-Length: 40\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['a coding of its own', 'Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n'],
    [
      'a folded coding',
      'Transfer-Encoding:\r\n chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n',
    ],
    [
      'a blank before the colon',
      'Transfer-Encoding : chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n',
    ],
    [
      'a bare line feed',
      'X: y\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n',
    ],
  ])('by %s brings no second request to the machine', async (_, rest) => {
    const seen: string[] = [];
    const port = await listen(
      createHttpServer((request, response) => {
        seen.push(request.url ?? '');
        request.resume();
        response.end();
      }),
    );
    const proxy = await proxied([website(port)]);
    await raw(proxy.port, `POST /first HTTP/1.1\r\nHost: main-web.localhost:${proxy.port}\r\n${rest}`);
    await sleep(100);
    expect(seen.filter((url) => url.includes('smuggled'))).toEqual([]);
  });
});

describe('waiting for a service', () => {
  const { signal } = new AbortController();

  it('ends with the first answer, whatever its status, at the path that is exposed', async () => {
    const urls: string[] = [];
    const server = createHttpServer((request, response) => {
      urls.push(`${request.headers.host}${request.url}`);
      response.writeHead(503).end();
    });
    const holder = createTcpServer();
    const port = await listen(holder);
    await new Promise((resolve) => holder.close(resolve));
    setTimeout(() => server.listen(port, '127.0.0.1'), 400);
    onTestFinished(() => void server.close());
    const readiness = await websiteReady(website(port, { path: '/api', rewrite: '/v1' }), {
      host: 'a.localhost:7080',
      signal,
    });
    expect(readiness).toMatchObject({ ready: true });
    expect(urls).toEqual(['a.localhost:7080/v1']);
  });

  it('says why nothing came', async () => {
    expect(await websiteReady(website(1), { host: 'x', timeoutMs: 300, signal })).toEqual({
      ready: false,
      why: 'no http answer on port 1 within 0 s: nothing listens there',
    });
    const mute = await listen(createTcpServer(() => {}));
    expect(await websiteReady(website(mute), { host: 'x', timeoutMs: 1_000, signal })).toEqual({
      ready: false,
      why: `no http answer on port ${mute} within 1 s: it takes connections, but gives no answer`,
    });
    expect(await portReady({ port: mute, connect: here }, { signal })).toMatchObject({ ready: true });
    expect(await portReady({ port: 1, connect: here }, { timeoutMs: 200, signal })).toMatchObject({ ready: false });
  });

  it('is given up at once when cancelled, also in the middle of an attempt', async () => {
    const mute = await listen(createTcpServer(() => {}));
    for (const port of [mute, 1]) {
      const aborter = new AbortController();
      const started = Date.now();
      setTimeout(() => aborter.abort(), 150);
      expect(await websiteReady(website(port), { host: 'x', signal: aborter.signal })).toEqual({ ready: 'cancelled' });
      expect(Date.now() - started).toBeLessThan(2_000);
    }
    const never: Connect = () => new Promise(() => {});
    expect(await portReady({ port: 1, connect: never }, { signal: AbortSignal.timeout(100) })).toEqual({
      ready: 'cancelled',
    });
  });
});

describe('a forwarded port', () => {
  it('passes bytes both ways and half-closes', async () => {
    const port = await listen(createTcpServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)));
    const forward = await startForward({ outside: 0, inside: port, connect: here });
    if (forward.failure !== null) throw new Error(forward.failure);
    onTestFinished(() => forward[Symbol.asyncDispose]());
    const body = randomBytes(1_000_000);
    const back = await new Promise<Buffer>((resolve, reject) => {
      const chunks: Buffer[] = [];
      const socket = connect({ port: forward.port, host: '127.0.0.1' }, () => socket.end(body));
      socket.on('data', (chunk: Buffer) => chunks.push(chunk));
      socket.once('error', reject);
      socket.once('close', () => resolve(Buffer.concat(chunks)));
    });
    expect(back.equals(body)).toBe(true);
  });

  it('moves where the port is taken, and says so', async () => {
    const taken = await listen(createTcpServer());
    const forward = await startForward({ outside: taken, inside: 1, connect: here });
    if (forward.failure !== null) throw new Error(forward.failure);
    onTestFinished(() => forward[Symbol.asyncDispose]());
    expect(forward.moved).toBe(true);
    expect(forward.port).not.toBe(taken);
    expect(await raw(forward.port, 'x')).toBe('');
  });
});

it('names the port when somebody else has it', async () => {
  const taken = await listen(createTcpServer());
  expect(await startProxy({ port: taken })).toEqual({ failure: 'taken', port: taken });
});
