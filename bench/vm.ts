import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GuestPath, RepoPath } from '../src/host.ts';
import { flattenMemory } from '../src/runner/drivers/vm/flatten.ts';
import { connectFuse } from '../src/runner/drivers/vm/fuse-port.ts';
import { serveViewsOverStream } from '../src/runner/fuse/stream-server.ts';
import { Lab, type Running } from '../test/runner/drivers/vm/lab.ts';
import { writeManifestOf } from '../test/runner/fuse/served.ts';
import { table } from './table.ts';

/** What virtual machines cost, as ratios to a cold boot in the same run: `node bench/vm.ts [rounds]`. As root, with a base of a few megabytes. */
const rounds = Number(process.argv[2] ?? 9);
const boots = Math.min(rounds, 3);
const signal = AbortSignal.timeout(15 * 60_000);
using lab = await Lab.open(signal);
const options = { memoryBytes: 2 ** 30 };
const { kind, board } = lab.options.acceleration;
const dirtyBytes = 32 * 2 ** 20;

const rows: string[][] = [];
const row = (what: string, ms: number, note = ''): void => {
  rows.push([what, `${ms.toFixed(0)} ms`, ms === bootMs ? '1' : (ms / bootMs).toFixed(3), note]);
};

// Booting, from QEMU's start to the first output of a command.
const bootTimes: number[] = [];
let source = await lab.boot(options);
for (let round = 0; round < boots; round++) {
  await source[Symbol.asyncDispose]();
  bootTimes.push(
    await timed(async () => {
      source = await lab.boot(options);
      await source.run('echo up');
    }),
  );
}
const machine = source;
const bootMs = Math.min(...bootTimes);
row(`cold boot to first output (least of ${boots})`, bootMs);

const booted = lab.place();
const first = await machine.save(booted, { memory: 'image' });
row('snapshot of the booted machine: pause', first.pauseMs);

// Levels: a step that writes memory and disk, then a snapshot of it.
const levels = [booted];
const pauses: number[] = [];
const totals: number[] = [];
await machine.run(`mount -t tmpfs none /run; head -c ${dirtyBytes} /dev/urandom > /run/noise`);
for (let round = 0; round < 3; round++) {
  if (round > 0) await machine.run(`head -c 1048576 /dev/urandom > /run/more; echo ${round} > /var/file; sync`);
  levels.push(lab.place());
  const { pauseMs, totalMs } = await machine.save(levels.at(-1) ?? '');
  if (round === 0)
    row(`snapshot after ${dirtyBytes >> 20} MiB written: pause`, pauseMs, `${totalMs.toFixed(0)} ms until kept`);
  else [pauses, totals].forEach((list, n) => list.push(n === 0 ? pauseMs : totalMs));
}
row(
  'snapshot after 1 MiB written: pause (least)',
  Math.min(...pauses),
  `${Math.min(...totals).toFixed(0)} ms until kept`,
);
const ofSource = await idlePss(machine);
await machine[Symbol.asyncDispose]();

// Restoring, as a new process does: a file that was touched is compared with its digest again.
for (const [what, chain] of [
  ['the booted machine', [booted]],
  [`a chain of ${levels.length}`, levels],
] as const) {
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const restored: Running[] = [];
    for (const path of chain) for (const name of readdirSync(path)) touch(join(path, name));
    times.push(
      await timed(async () => {
        restored.push(await lab.restore(chain, options));
        await restored[0]?.run('echo up');
      }),
    );
    await restored[0]?.[Symbol.asyncDispose]();
  }
  row(`restore ${what} to first output (least of ${rounds})`, Math.min(...times));
}

// Four forks of one flattened memory.
const directory = lab.scratch();
const flattenStart = performance.now();
await using memory = await flattenMemory({ chain: levels, directory, signal });
row('flatten a chain', performance.now() - flattenStart);
let forks: readonly Running[] = [];
const forkMs = await timed(async () => {
  forks = await Promise.all([0, 1, 2, 3].map(() => lab.restore(levels, { ...options, memory })));
  await Promise.all(forks.map((fork) => fork.run('echo up')));
});
row('4 forks to first output of all', forkMs);
const pss = await Promise.all(forks.map(idlePss));
const forkKb = pss.reduce((sum, one) => sum + one, 0) / pss.length;
for (const fork of forks.slice(1)) await fork[Symbol.asyncDispose]();

const fork = forks[0] ?? (await lab.restore(levels, { ...options, memory }));
// The channel of the agent.
const roundTrips = 500;
const askMs = await timed(async () => {
  for (let n = 0; n < roundTrips; n++) await fork.agent.jobs();
});
const channelBytes = 32 * 2 ** 20;
const channelMs = await timed(async () => {
  const copied = await fork.agent.copyOut('/run/noise');
  for await (const chunk of copied?.archive ?? []) void chunk;
});

// The channel of the views.
const files = 2_000;
const repository = lab.scratch();
for (let n = 0; n < files; n++) {
  if (n < 20) mkdirSync(join(repository, `part-${n}`));
  writeFileSync(join(repository, `part-${n % 20}`, `file-${n}`), `${n}\n`);
}
const manifest = join(lab.scratch(), 'manifest');
writeManifestOf(repository, manifest, {});
const port = await connectFuse(fork.machine.fuseStream, { state: null, signal });
const trees = { repository: manifest };
const views = serveViewsOverStream({ stream: port.stream, trees, mtime: 'plain', views: [], takeUp: null });
const shows = await views.addView({
  ...{ ordinal: 0, tree: 'repository', sources: [{ path: '' as RepoPath, glob: false }], placement: 'into' },
  ...{ destination: '/app' as GuestPath, ancestors: [] },
});
await fork.agent.addView(0, {
  destination: '/app',
  shown: (path) => shows.entry(path as GuestPath),
  directorySeconds: null,
});
await views.cut();
const fuseMs = await timed(() => fork.run('grep -rc nothing-like-this /app > /dev/null; true'));
const { requests } = await views.cut();
await fork[Symbol.asyncDispose]();

console.log(
  table(
    `Virtual machines: ${kind}, ${board}, 1 GiB, ${(performance.now() / 1000).toFixed(0)} s in all`,
    ['what', 'time', 'boots', ''],
    rows,
  ),
);
console.log(
  table(
    'Rates and memory',
    ['what', 'value'],
    [
      ['PSS of the machine that was booted, idle', `${(ofSource / 1024).toFixed(0)} MB`],
      ['PSS of each of 4 forks, idle', `${(forkKb / 1024).toFixed(0)} MB, ${(forkKb / ofSource).toFixed(2)} of it`],
      ['requests to the agent', `${perSecond(roundTrips, askMs)}/s`],
      ['out of the machine (a tar archive)', `${(channelBytes / 1e3 / channelMs).toFixed(0)} MB/s`],
      [`FUSE requests (grep of ${files} files, first touch)`, `${perSecond(requests, fuseMs)}/s`],
    ],
  ),
);

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function touch(path: string): void {
  const mode = path.endsWith('image') ? 0o666 : 0o400;
  chmodSync(path, mode);
}

/** Proportional set size, in kB, once nothing moves. */
async function idlePss(running: Running): Promise<number> {
  await sleep(500, null, { signal });
  const text = readFileSync(`/proc/${running.machine.pid}/smaps_rollup`, 'utf8');
  return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? Number.NaN);
}

function perSecond(count: number, ms: number): string {
  return String(Math.round((count / ms) * 1000));
}
