import { createServer, request, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { runExpose } from '../../src/world/expose.ts';
import type { LayerId } from '../../src/ir/ir.ts';
import type { RunnerName } from '../../src/runner/events.ts';
import type { Connect } from '../../src/runner/expose/route.ts';
import type { Exposed } from '../../src/runner/ports.ts';

const here: Connect = (port) =>
  new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket));
    socket.once('error', reject);
  });

async function listen(server: Server, port = 0): Promise<number> {
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** A port that is free now. */
async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function get(port: number, host: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, headers: { host: `${host}:${port}` }, agent: false });
    asked.once('error', reject);
    asked.once('response', (response) => resolve(text(response)));
    asked.end();
  });
}

const runner = (id: string, copy: number | null): RunnerName => ({ layer: 'web' as LayerId, id, copy, label: id });
const site = (port: number, path: string): Exposed => ({
  protocol: 'website',
  scheme: 'http',
  port,
  path,
  rewrite: null,
});

it('serves copies under their own names and, side by side, under that of the Layerfile, until the run is stopped', async () => {
  const says = (word: string): Promise<number> => listen(createServer((_, response) => response.end(word)));
  const port = await freePort();
  const warnings: string[] = [];
  const expose = runExpose({
    serve: true,
    port,
    hostOf: ({ id }) => `main-${id}.localhost`,
    warn: (message) => void warnings.push(message),
  });
  const stop = new AbortController();
  const addresses: string[] = [];
  const options = { connect: here, listening: (address: string) => void addresses.push(address), signal: stop.signal };
  const second = expose.serve?.(
    runner('web-2', 1),
    [site(await says('two'), '/'), site(await says('only'), '/only')],
    options,
  );
  const first = expose.serve?.(
    runner('web', 0),
    [site(await says('one'), '/'), { protocol: 'tcp', outside: 0, inside: await says('tcp') }],
    options,
  );
  for (let attempt = 0; attempt < 100 && addresses.length < 4; attempt += 1) await sleep(20);
  expect(addresses.filter((one) => one.startsWith('http')).sort()).toEqual([
    `http://main-web-2.localhost:${port}/`,
    `http://main-web-2.localhost:${port}/only`,
    `http://main-web.localhost:${port}/`,
  ]);
  expect(await get(port, 'main-web.localhost', '/')).toBe('one');
  expect(await get(port, 'main-web-2.localhost', '/')).toBe('two');
  expect(await get(port, 'main-web.localhost', '/only')).toBe('only');
  const tcp = addresses.find((one) => one.startsWith('localhost:')) ?? '';
  expect(await get(Number(/[0-9]+/.exec(tcp)?.[0]), 'any', '/')).toBe('tcp');
  stop.abort();
  await Promise.all([first, second]);
  expect(warnings).toEqual([]);
  await expect(get(port, 'main-web.localhost', '/')).rejects.toThrow(/ECONNREFUSED/);
});

it('says so when the proxy’s port is taken, and goes on', async () => {
  const port = await listen(createServer());
  const warnings: string[] = [];
  const expose = runExpose({
    serve: true,
    port,
    hostOf: () => 'main-web.localhost',
    warn: (message) => void warnings.push(message),
  });
  await expose.serve?.(runner('web', null), [site(1, '/')], {
    connect: here,
    listening: () => {},
    signal: AbortSignal.timeout(200),
  });
  expect(warnings).toEqual([`web: port ${port} is taken by another program, so its websites cannot be shown`]);
});

it('waits for a website and for a port', async () => {
  const port = await listen(createServer((_, response) => response.writeHead(500).end()));
  const expose = runExpose({ serve: false, port: 7080, hostOf: () => '', warn: () => {} });
  const { signal } = new AbortController();
  expect(expose.serve).toBeNull();
  expect(await expose.ready(site(port, '/'), here, signal)).toBeNull();
  expect(await expose.ready({ protocol: 'tcp', outside: 1, inside: port }, here, signal)).toBeNull();
  expect(await expose.ready(site(1, '/'), here, AbortSignal.timeout(100))).toBe('cancelled');
});
