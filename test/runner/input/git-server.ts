import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createHttp } from 'node:http';
import { createServer as createTcp } from 'node:net';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { git, gitEnv } from './workspace.ts';

/** `git daemon` over a directory of repositories; the URL of that directory. */
export async function gitDaemon(directory: string): Promise<string> {
  const port = await freePort();
  const daemon = spawn(
    'git',
    [
      'daemon',
      '--listen=127.0.0.1',
      `--port=${port}`,
      '--export-all',
      '--reuseaddr',
      `--base-path=${directory}`,
      directory,
    ],
    { env: gitEnv, stdio: 'ignore', detached: true },
  );
  const end = () => {
    if (daemon.pid !== undefined && daemon.exitCode === null) process.kill(-daemon.pid, 'SIGKILL');
  };
  onTestFinished(end);
  for (let attempt = 0; attempt < 100; attempt += 1) {
    try {
      git(directory, 'ls-remote', `git://127.0.0.1:${port}/none`);
    } catch (error) {
      if (!String(error).includes('refused')) break;
    }
    await setTimeout(50);
  }
  return `git://127.0.0.1:${port}`;
}

/** `git http-backend` behind a server that asks for user `me` and password `sesame`; the URL without them, and how often they were right. */
export async function gitHttp(
  directory: string,
): Promise<{ readonly url: string; readonly admitted: () => number; readonly close: () => void }> {
  let admitted = 0;
  const server = createHttp((request, response) => {
    if (request.headers.authorization !== `Basic ${Buffer.from('me:sesame').toString('base64')}`) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
      return;
    }
    admitted += 1;
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    const backend = spawn('git', ['http-backend'], {
      env: {
        ...gitEnv,
        GIT_PROJECT_ROOT: directory,
        GIT_HTTP_EXPORT_ALL: '1',
        PATH_INFO: url.pathname,
        QUERY_STRING: url.search.slice(1),
        REQUEST_METHOD: request.method ?? 'GET',
        CONTENT_TYPE: request.headers['content-type'] ?? '',
        HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
        GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
        REMOTE_USER: 'me',
      },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    request.pipe(backend.stdin);
    const chunks: Buffer[] = [];
    backend.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    backend.on('close', () => {
      const all = Buffer.concat(chunks);
      const split = all.indexOf('\r\n\r\n');
      const headers = all.toString('latin1', 0, split).split('\r\n');
      const status = headers.find((line) => line.startsWith('Status:'))?.slice(8, 11) ?? '200';
      response.statusCode = Number(status);
      for (const line of headers) {
        const colon = line.indexOf(':');
        if (!line.startsWith('Status:')) response.setHeader(line.slice(0, colon), line.slice(colon + 1).trim());
      }
      response.end(all.subarray(split + 4));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  onTestFinished(close);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, admitted: () => admitted, close };
}

async function freePort(): Promise<number> {
  const server = createTcp().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
