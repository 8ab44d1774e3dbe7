import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { takeUpViews } from '../../../src/runner/fuse/stream-server.ts';
import type { SavedViews, StreamViewServer } from '../../../src/runner/fuse/view-server.ts';
import { scratch } from '../../support/scratch.ts';
import { lines, run, wholeRepository, writeManifestOf } from './served.ts';

const pump = fileURLToPath(new URL('./device-pump.ts', import.meta.url));

/** A kernel with a mount whose server is at the other end of a socket, and may be another one after a while. */
class Guest {
  readonly directory = scratch();
  readonly repository = join(this.directory, 'repository');
  readonly mount = join(this.directory, 'mount');
  readonly #listener = net.createServer();
  #enter: readonly string[] = [];
  #connection: net.Socket | null = null;
  #manifests = 0;
  mtime: 'plain' | 'persistent' = 'plain';

  constructor(fill: (repository: string) => void) {
    for (const path of [this.repository, this.mount]) fs.mkdirSync(path);
    fill(this.repository);
  }

  async boot(): Promise<StreamViewServer> {
    const socket = join(this.directory, 'socket');
    this.#listener.listen(socket);
    const argv = ['--mount', '--propagation', 'private', process.execPath, pump, this.mount, socket];
    const child = spawn('unshare', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => {
      child.kill('SIGKILL');
      this.#connection?.destroy();
      this.#listener.close();
    });
    this.#enter = ['nsenter', '-m', '-t', String(child.pid), '--'];
    const server = await this.serve(null);
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    expect(said.toString()).toBe('mounted\n');
    return server;
  }

  async serve(takeUp: SavedViews | null): Promise<StreamViewServer> {
    const [connection] = (await once(this.#listener, 'connection')) as [net.Socket];
    this.#connection = connection;
    const manifest = join(this.directory, `manifest-${this.#manifests++}`);
    writeManifestOf(this.repository, manifest, {});
    const served = takeUpViews({
      ...{ stream: connection, trees: { repository: manifest }, mtime: this.mtime },
      ...{ views: [wholeRepository()], takeUp },
    });
    if ('unusable' in served) throw new Error(`unusable: ${served.unusable}`);
    return served;
  }

  /** What a snapshot keeps; the server is gone after it. */
  async save(server: StreamViewServer): Promise<SavedViews> {
    server.hold();
    const saved = JSON.parse(JSON.stringify(server.save())) as SavedViews;
    await server[Symbol.asyncDispose]();
    this.#connection?.destroy();
    return saved;
  }

  async run(script: string): Promise<string> {
    const { stdout, stderr } = await run([...this.#enter, 'bash', '-c', `cd '${this.mount}/0' && ${script}`]);
    return `${stdout}${stderr}`;
  }
}

async function seen(server: StreamViewServer): Promise<readonly string[]> {
  const { observations, fault } = await server.cut();
  expect(fault).toBeNull();
  return lines(observations);
}

const files = (repository: string): void => {
  fs.mkdirSync(join(repository, 'dir'));
  for (const name of ['read', 'unread', 'looked-at', 'dir/inner'])
    fs.writeFileSync(join(repository, name), `${name}\n`);
};

test('serves a kernel at the other end of a stream, and records what it looks at', async () => {
  const guest = new Guest(files);
  const server = await guest.boot();
  expect(await guest.run('cat read dir/inner; ls dir; test -e none || echo none')).toBe(
    'read\ndir/inner\ninner\nnone\n',
  );
  const all = await seen(server);
  expect(all).toEqual(expect.arrayContaining(['absent /none', 'content /dir/inner', 'content /read', 'listing /dir']));
  expect(all.filter((one) => one.includes('looked-at'))).toEqual([]);
  expect(await guest.run('cat read')).toBe('read\n');
  expect(await seen(server)).toEqual([]);
});

test('another server goes on where it stood: what the kernel knows still holds, what it does not know is this commit', async () => {
  const guest = new Guest(files);
  const before = await guest.boot();
  await guest.run('cat read; test -e none; ls dir; exec 3< looked-at');
  await seen(before);
  const saved = await guest.save(before);

  fs.writeFileSync(join(guest.repository, 'unread'), 'another text\n');
  fs.writeFileSync(join(guest.repository, 'looked-at'), 'a longer text than before\n'.repeat(3000));
  fs.writeFileSync(join(guest.repository, 'new'), 'new\n');
  const after = await guest.serve(saved);
  // Covered by the steps before the snapshot: nothing of it is recorded again.
  expect(await guest.run('cat read; test -e none || echo none; ls dir')).toBe('read\nnone\ninner\n');
  expect(await seen(after)).toEqual([]);
  // First touches of the steps after it.
  expect(await guest.run('cat unread new; wc -c < looked-at; tail -c 5 looked-at')).toBe(
    'another text\nnew\n78000\nfore\n',
  );
  expect((await seen(after)).filter((one) => one.startsWith('content'))).toEqual([
    'content /looked-at',
    'content /new',
    'content /unread',
  ]);
});

test("a mapping sees this commit's size of a file whose name alone was known", async () => {
  const guest = new Guest(files);
  const before = await guest.boot();
  await guest.run('test -h looked-at');
  await before.cut();
  await guest.run('exec 3< looked-at');
  await before.cut();
  const saved = await guest.save(before);
  fs.writeFileSync(join(guest.repository, 'looked-at'), 'x'.repeat(3 * 4096));
  await guest.serve(saved);
  // Maps 12 KiB without asking for the size first: pages beyond what the kernel takes for the end would kill it.
  const script = `import mmap, os; m = mmap.mmap(os.open("looked-at", 0), 0, prot=mmap.PROT_READ); print(len(m), m[2 * 4096])`;
  expect(await guest.run(`/usr/bin/python3 -I -c '${script}'`)).toBe('12288 120\n');
});

test('requests that nobody had answered are answered by the next server', async () => {
  const guest = new Guest(files);
  const before = await guest.boot();
  before.hold();
  const reading = guest.run('cat read dir/inner');
  await expect.poll(() => before.save().pending.length).toBeGreaterThan(0);
  const saved = await guest.save(before);
  const after = await guest.serve(saved);
  expect(await reading).toBe('read\ndir/inner\n');
  expect(await seen(after)).toContain('content /dir/inner');
});

test.each([
  ['a name that was seen is gone', (repository: string) => fs.rmSync(join(repository, 'read')), '/read'],
  ['a name that was missing is there', (repository: string) => fs.writeFileSync(join(repository, 'none'), ''), '/none'],
  ['a mode is another', (repository: string) => fs.chmodSync(join(repository, 'read'), 0o755), '/read'],
] as const)('refuses to go on where %s', async (_, edit, named) => {
  const guest = new Guest(files);
  const before = await guest.boot();
  await guest.run('cat read; test -e none');
  const saved = await guest.save(before);
  edit(guest.repository);
  const serving = guest.serve(saved);
  await expect(serving).rejects.toThrow(`unusable: it knows`);
  await expect(serving).rejects.toThrow(named);
});
