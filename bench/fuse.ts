// What serving a view costs against the same files on the host's file system, both below an overlay; and the server's own speed.
// As root: node bench/fuse.ts [files]
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { type Served, serveDirectory } from '../test/runner/fuse/served.ts';

const files = Number(process.argv[2] ?? 20_000);
const bigBytes = 1 << 30;
const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

const workloads: Readonly<Record<string, string>> = {
  'find -ls': 'find . -ls',
  'grep -r': 'grep -r --exclude=big --exclude-dir=.git nothing-like-this .',
  'git status': 'git -c safe.directory="*" status --short',
  'read 1 GiB': 'cat big',
};

await using served = await serveDirectory({
  fill(repository) {
    for (let index = 0; index < files; index++) {
      const directory = `${repository}/part-${index % 200}`;
      if (index < 200) fs.mkdirSync(directory);
      fs.writeFileSync(`${directory}/file-${index}`, `${index} ${'content '.repeat(index % 400)}\n`);
    }
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', '-c', 'gc.auto=0', ...args], {
        cwd: repository,
      });
    git('init', '-q');
    git('add', '-A');
    git('commit', '-qm', 'all');
    git('gc', '-q');
    fs.writeFileSync(`${repository}/.git/info/exclude`, 'big\n');
    fs.writeFileSync(`${repository}/big`, Buffer.alloc(bigBytes, 'x'));
  },
  view: { sources: ['', '.git'].map((source) => ({ path: source as never, glob: false })) },
});

const view = await served.overlay();
const plain = await plainOverlay(served);
console.log(`${files} files. user + system seconds of the program, and of the server; wall seconds`);
for (const [name, script] of Object.entries(workloads)) {
  await measure('', script, plain); // The host's page cache is warm for both.
  const host = await measure(`${name.padEnd(11)} ext4 overlay`, script, plain);
  const first = await measure(`${name.padEnd(11)} view, first `, script, view);
  const again = await measure(`${name.padEnd(11)} view, again `, script, view);
  const added = ((first.wall - host.wall) / Math.max(1, first.requests)) * 1e6;
  const touch = first.requests > files ? `first touch adds ${added.toFixed(0)} µs a request; ` : '';
  console.log(`${name.padEnd(11)} ${touch}again takes ${ratio(again.cpu, host.cpu)} of ext4's CPU`);
}

const rounds = 1000;
const start = performance.now();
for (let round = 0; round < rounds; round++) await served.server.cut();
console.log(`an empty cut: ${(((performance.now() - start) / rounds) * 1000).toFixed(0)} µs`);

const starts: number[] = [];
for (let round = 0; round < 7; round++) {
  const before = performance.now();
  const one = await serveDirectory({ fill: () => {} });
  starts.push(performance.now() - before);
  await one[Symbol.asyncDispose]();
}
console.log(`a namespace, a server, a mount and a view: ${starts.sort((a, b) => a - b)[3]?.toFixed(0)} ms`);

/** The same overlay over the directory itself. */
async function plainOverlay({ directory, repository, run }: Served): Promise<string> {
  const at = (name: string) => path.join(directory, `plain-${name}`);
  for (const name of ['base', 'upper', 'work', 'root']) fs.mkdirSync(at(name));
  const layers = `lowerdir=${repository}:${at('base')},upperdir=${at('upper')},workdir=${at('work')}`;
  const options = `${layers},metacopy=off,redirect_dir=off,index=off,nfs_export=off,xino=off`;
  const mounted = await run(`mount -t overlay overlay -o ${options} ${at('root')}`);
  if (mounted.code !== 0) throw new Error(mounted.stderr);
  return at('root');
}

async function measure(label: string, script: string, cwd: string) {
  await served.server.cut();
  const server = serverSeconds();
  const start = performance.now();
  const ran = await served.run(`{ ${script}; } > /dev/null; times`, { cwd });
  const wall = (performance.now() - start) / 1000;
  const serverCpu = serverSeconds() - server;
  const { requests, observations } = await served.server.cut();
  const [user = '', system = ''] = ran.stdout.trim().split('\n')[1]?.split(' ') ?? [];
  const program = seconds(user) + seconds(system);
  const cpu = program + serverCpu;
  if (label !== '') {
    const counts =
      requests > 0
        ? `; ${requests} requests (${Math.round(requests / wall)}/s), ${observations.length} observations`
        : '';
    console.log(`${label}: ${program.toFixed(2)} + ${serverCpu.toFixed(2)} s, wall ${wall.toFixed(2)} s${counts}`);
  }
  return { wall, cpu, requests };
}

/** `1m2.345s`, as bash's `times` prints it. */
function seconds(text: string): number {
  const [, minutes = '0', rest = '0'] = /^(\d+)m([\d.]+)s$/.exec(text) ?? [];
  return Number(minutes) * 60 + Number(rest);
}

function serverSeconds(): number {
  const fields = fs.readFileSync(`/proc/${served.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

function ratio(one: number, other: number): string {
  return `${Math.round((one / Math.max(other, 0.001)) * 100)} %`;
}
