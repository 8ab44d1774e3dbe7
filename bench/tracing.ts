// What it costs that a program's looks at the repository are recorded: tsc, make, npm ci and git status on an overlay over the served view, and on the
// same overlay over the files themselves; when it first looks, and when it is run again.
// As root: node bench/tracing.ts [rounds] [files]      needs make, gcc, npm
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { RepoPath } from '../src/host.ts';
import { startViewServer } from '../src/runner/fuse/start.ts';
import { namespace, run, wholeRepository, writeManifestOf } from '../test/runner/fuse/served.ts';
import { type Workload, workloads } from '../test/support/workloads.ts';
import { table } from './table.ts';

const rounds = Number(process.argv[2] ?? 9);
const files = Number(process.argv[3] ?? 600);
const mountOptions = 'metacopy=off,redirect_dir=off,index=off,nfs_export=off,xino=off';

/** CPU seconds of a program and of whoever serves its files, and the requests that the kernel made of that one. */
interface Cost {
  readonly cpu: number;
  readonly requests: number;
}

interface Round {
  readonly first: Cost;
  readonly again: Cost;
}

const scratch = fs.mkdtempSync(path.join(tmpdir(), 'layer-bench-tracing-'));
const rows: string[][] = [];
try {
  for (const workload of workloads(files)) rows.push(await measure(workload));
} finally {
  fs.rmSync(scratch, { recursive: true, force: true });
}
const columns = ['', 'without', 'first', 'added', 'without', 'again', 'added', 'requests first, again'];
console.log(table(`CPU seconds, the least of ${rounds}`, columns, rows));

/** Both kinds in turn, so that whatever else the machine does befalls both. */
async function measure(workload: Workload): Promise<string[]> {
  const directory = path.join(scratch, workload.name.replace(' ', '-'));
  const repository = path.join(directory, 'repository');
  fs.mkdirSync(repository, { recursive: true });
  workload.fill(repository);
  const manifest = path.join(directory, 'manifest');
  writeManifestOf(repository, manifest);
  await round(workload, { directory, manifest: null });
  const plain: Round[] = [];
  const served: Round[] = [];
  for (let index = 0; index < rounds; index += 1) {
    plain.push(await round(workload, { directory, manifest: null }));
    served.push(await round(workload, { directory, manifest }));
  }
  const least = (all: readonly Round[], when: keyof Round): number => Math.min(...all.map((one) => one[when].cpu));
  const cells = (['first', 'again'] as const).flatMap((when) => {
    const [without, with_] = [least(plain, when), least(served, when)];
    return [without.toFixed(3), with_.toFixed(3), `${(100 * (with_ / without - 1)).toFixed(1)} %`];
  });
  const requests = `${served[0]?.first.requests}, ${Math.max(...served.map((one) => one.again.requests))}`;
  return [workload.name, ...cells, requests];
}

/** A new mount, on which the program is run twice. Without a manifest the overlay lies over the files themselves. */
async function round(
  workload: Workload,
  { directory, manifest }: { readonly directory: string; readonly manifest: string | null },
): Promise<Round> {
  const holder = await namespace();
  const at = (name: string): string => path.join(directory, name);
  try {
    for (const name of ['mount', 'base', 'upper', 'work', 'root']) {
      fs.rmSync(at(name), { recursive: true, force: true });
      fs.mkdirSync(at(name));
    }
    const enter = ['nsenter', '-m', '-t', String(holder.pid), '--'];
    const signal = new AbortController().signal;
    await using server =
      manifest === null
        ? null
        : await startViewServer({
            ...{ enter, mountpoint: at('mount'), trees: { repository: manifest }, mtime: 'plain', signal },
          });
    await server?.addView(
      wholeRepository({ sources: ['', '.git'].map((one) => ({ path: one as RepoPath, glob: false })) }),
    );
    const lower = server === null ? at('repository') : `${at('mount')}/0`;
    const layers = `lowerdir=${lower}:${at('base')},upperdir=${at('upper')},workdir=${at('work')}`;
    const mounted = await run([
      ...enter,
      'mount',
      '-t',
      'overlay',
      'overlay',
      '-o',
      `${layers},${mountOptions}`,
      at('root'),
    ]);
    if (mounted.code !== 0) throw new Error(mounted.stderr);
    await server?.cut();
    const pid = server === null ? null : serverOf(at('mount'));
    const once = async (): Promise<Cost> => {
      const before = pid === null ? 0 : cpuSeconds(pid);
      const script = `cd '${at('root')}' && { ${workload.script}; } > /dev/null 2>&1; echo $?; times`;
      const ran = await run([...enter, 'bash', '-c', script]);
      const [code, , children = ''] = ran.stdout.trim().split('\n');
      if (code !== '0') throw new Error(`${workload.name} ended with ${code}`);
      const program = children.split(' ').reduce((sum, one) => sum + seconds(one), 0);
      const serving = pid === null ? 0 : cpuSeconds(pid) - before;
      const { requests } = (await server?.cut()) ?? { requests: 0 };
      return { cpu: program + serving, requests };
    };
    return { first: await once(), again: await once() };
  } finally {
    await holder.stop();
  }
}

/** The process that has the FUSE device open and the mount in its namespace. */
function serverOf(mount: string): number {
  for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const open = fs.readdirSync(`/proc/${pid}/fd`).map((fd) => fs.readlinkSync(`/proc/${pid}/fd/${fd}`));
      if (open.includes('/dev/fuse') && fs.readFileSync(`/proc/${pid}/mountinfo`, 'utf8').includes(` ${mount} `))
        return Number(pid);
    } catch {
      // It ended meanwhile.
    }
  }
  throw new Error(`nobody serves ${mount}`);
}

/** What all threads of a process have computed, to the nanosecond. */
function cpuSeconds(pid: number): number {
  const threads = fs.readdirSync(`/proc/${pid}/task`);
  const spent = threads.map((one) =>
    Number(fs.readFileSync(`/proc/${pid}/task/${one}/schedstat`, 'utf8').split(' ')[0]),
  );
  return spent.reduce((sum, one) => sum + one, 0) / 1e9;
}

/** `1m2.345s`, as bash's `times` prints it. */
function seconds(text: string): number {
  const [, minutes = '0', rest = '0'] = /^(\d+)m([\d.]+)s$/.exec(text) ?? [];
  return Number(minutes) * 60 + Number(rest);
}
