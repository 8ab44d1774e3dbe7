import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GuestPath } from '../src/host.ts';
import type { Machine, MachineSpec, StackEntry } from '../src/runner/driver.ts';
import { sandboxDriver } from '../src/runner/drivers/sandbox/sandbox.ts';
import { startViewServer } from '../src/runner/fuse/start.ts';
import { buildTinyBase } from '../test/runner/drivers/tiny-base.ts';
import { least } from './layer.ts';
import { table } from './table.ts';

/** What a machine costs: `node bench/sandbox.ts [rounds]`. Run as root. */
const rounds = Number(process.argv[2] ?? 9);
const directory = mkdtempSync(join(tmpdir(), 'layer-sandbox-bench-'));
const signal = new AbortController().signal;
const driver = sandboxDriver({ startViewServer, storeDirectory: directory, warn: (message) => console.error(message) });
const base = buildTinyBase(join(directory, 'base'));
let count = 0;

async function boot(changes: Partial<MachineSpec> = {}): Promise<Machine> {
  const own = join(directory, `m${count++}`);
  mkdirSync(own);
  return await driver.boot(
    {
      ...{ hostname: 'bench', base, stack: [], trees: {}, mtime: 'plain', memoryBytes: null, network: 'none' },
      ...{ directory: own, ...changes },
    },
    signal,
  );
}

async function run(machine: Machine, script: string): Promise<number> {
  let bytes = 0;
  const command = { script, env: { PATH: '/usr/bin' }, user: 'root', cwd: '/root' as GuestPath };
  await machine.exec(command, (chunk) => (bytes += chunk.length), signal);
  return bytes;
}

const times = new Map<string, number[]>();

async function measure<T>(what: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await work();
  times.set(what, [...(times.get(what) ?? []), performance.now() - start]);
  return result;
}

async function keep(machine: Machine): Promise<readonly StackEntry[]> {
  const { state } = await machine.endStep({ keep: true });
  if (!state.kept) throw new Error(state.why);
  return state.stack;
}

try {
  for (let round = 0; round < rounds; round++) {
    const machine = await measure('boot', () => boot());
    await measure('exec true', () => run(machine, 'true'));
    await keep(machine);
    await run(machine, 'mkdir d; for n in {1..1000}; do echo $n > d/$n; done');
    const stack = await measure('end of a step, 1,000 files kept', () => keep(machine));
    await measure('end of a step that wrote nothing', () => keep(machine));
    const restored = await measure('restore to the end of a first command', async () => {
      const again = await boot({ stack });
      await run(again, 'true');
      return again;
    });
    await measure('ten machines from one snapshot (SPLIT 10), to the end of each one’s first command', async () => {
      const copies = await Promise.all(Array.from({ length: 10 }, () => boot({ stack })));
      await Promise.all(copies.map((copy) => run(copy, 'true')));
      return copies;
    }).then((copies) => Promise.all(copies.map((copy) => copy[Symbol.asyncDispose]())));
    await measure('dispose', async () => await restored[Symbol.asyncDispose]());
    await machine.start(
      { script: 'exec sleep 1000', env: { PATH: '/usr/bin' }, user: 'root', cwd: '/' as GuestPath },
      () => {},
    );
    await run(machine, 'echo more > more');
    await measure('end of a step beside a background process', () => keep(machine));
    await machine[Symbol.asyncDispose]();
  }
  const machine = await boot();
  await measure('1 GB of output', () => run(machine, 'dd if=/dev/zero bs=1M count=1024 2>/dev/null'));
  await machine[Symbol.asyncDispose]();
  const rows = [...times].map(([what, all]) => [what, least(all)]);
  console.log(table(`A machine of the sandbox: the least of ${rounds}`, ['', ''], rows));
} finally {
  rmSync(directory, { recursive: true, force: true });
}
