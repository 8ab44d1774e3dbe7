import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Random } from '../oracle/random.ts';
import { openWorkshop, type Report, type Workshop } from '../support/workshop.ts';
import { descendants, lastingLeftovers, orphanedCgroups } from './leftovers.ts';

/** How often something is killed. LAYER_FAULTS=1000 tries more; LAYER_FAULTS_SEED plays a run again. */
const times = Number(process.env['LAYER_FAULTS'] ?? '100');
const seed = Number(process.env['LAYER_FAULTS_SEED'] ?? Math.floor(Math.random() * 1e9));
/** Repositories with a store each, side by side. */
const lanes = 2;

type Victim = 'layer' | 'view server' | 'step' | 'init';
const victims: readonly Victim[] = ['layer', 'layer', 'view server', 'step', 'init'];

const layerfile = [
  'FROM vm/debian:12',
  'COPY . /w',
  'RUN mkdir /o; cat /w/a > /o/a; sleep 0.1; cat /w/b > /o/b',
  'RUN echo more >> /w/c; sleep 0.1; cp /w/c /o/c; head -c 200000 /dev/urandom > /big',
  'BUILD ENV API_EXTRA',
  'RUN cat /o/a /o/b /o/c',
  '',
].join('\n');

describe(`kill -9 at random instants, seed ${seed}`, () => {
  it(
    `${times} times: the store opens, the next run is right, and nothing is left`,
    { timeout: 120_000 + times * 8_000 },
    async () => {
      const killed = await Promise.all(Array.from({ length: lanes }, (_, lane) => killInLane(new Random(seed + lane))));
      const count = (victim: Victim): number => killed.flat().filter((one) => one === victim).length;
      console.log(`killed ${[...new Set(victims)].map((name) => `${name} ${count(name)}`).join(', ')} of ${times}`);
      for (const victim of new Set(victims)) expect(count(victim), victim).toBeGreaterThan(0);
      expect(killed.flat().length).toBeGreaterThan(times / 3);
    },
  );
});

/** Runs, kills, and runs again, in a repository of its own; what was killed. */
async function killInLane(random: Random): Promise<readonly Victim[]> {
  using workshop = openWorkshop();
  workshop.put({ 'one/Layerfile': layerfile, 'two/Layerfile': layerfile });
  const killed: Victim[] = [];
  const runs = new Set<number>();
  /** What a run took lately: the instants lie anywhere in it. */
  let lastMs = 1500;
  for (let round = 0; round < times / lanes; round++) {
    const texts = Object.fromEntries(
      ['one/a', 'one/b', 'one/c', 'two/a', 'two/b', 'two/c'].flatMap((path) =>
        round === 0 || random.chance(0.4) ? [[path, `${path} ${random.below(3)}\n`]] : [],
      ),
    );
    workshop.put(texts);
    const victim = random.pick(victims);
    const forced = random.chance(0.3) ? ['--no-cache'] : [];
    // Where the store may take so little, each run also makes room at its end.
    const env: Record<string, string> = random.chance(0.5) ? { LAYER_STORE_LIMIT: '1M' } : {};
    const { process: run, report } = workshop.start({ args: [...forced, `--env=API_EXTRA=${round}`], env });
    if (run.pid !== undefined) runs.add(run.pid);
    const over = report.then(() => true);
    await Promise.race([sleep(random.below(lastMs)), over]);
    if (await kill(victim, { pid: run.pid ?? 0, random, over })) killed.push(victim);
    const broken = await report;
    if (victim !== 'layer') expect(broken.stderr).not.toContain('bug');

    const when = `after ${victim} was killed in round ${round}`;
    const began = Date.now();
    const after = await workshop.run({ args: [`--env=API_EXTRA=after ${round}`] });
    lastMs = Math.round((lastMs + Date.now() - began) / 2);
    expect(after.status, `${when}: ${after.stderr}`).toBe(0);
    expectRight(after, workshop, when);
    expect(await lastingLeftovers(workshop.directory), when).toEqual([]);
  }
  expect(orphanedCgroups(runs)).toEqual([]);
  const { status, stdout, stderr } = await workshop.layer(['du', '--json']);
  expect(status, stderr).toBe(0);
  const use = JSON.parse(stdout) as { readonly rest: readonly { readonly kind: string; readonly bytes: number }[] };
  expect(use.rest.find(({ kind }) => kind === 'unused')?.bytes).toBeLessThan(64 * 1024);
  return killed;
}

/** Kills what is there of that kind, waiting for it while the run goes on; whether it was there. */
async function kill(
  victim: Victim,
  { pid, random, over }: { pid: number; random: Random; over: Promise<boolean> },
): Promise<boolean> {
  if (victim === 'layer') return signal(pid);
  let ended = false;
  void over.then(() => (ended = true));
  while (!ended) {
    const candidates = descendants(pid).filter((one) => isVictim(victim, one));
    if (candidates.length > 0 && signal(random.pick(candidates).pid)) return true;
    await sleep(5);
  }
  return false;
}

function isVictim(victim: Victim, { name, command }: { name: string; command: string }): boolean {
  switch (victim) {
    case 'layer':
      return false;
    case 'view server':
      return command.includes('view-server') && command.startsWith('/');
    case 'step':
      return ['bash', 'sleep', 'cat', 'cp'].includes(name);
    case 'init':
      return name === 'init' || command.startsWith('init');
  }
}

function signal(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}

function expectRight(report: Report, { repository }: Workshop, when: string): void {
  for (const name of ['one', 'two']) {
    const read = (file: string): string => readFileSync(`${repository}/${name}/${file}`, 'utf8');
    expect(report.runners.get(name)?.ran.at(-1)?.output, when).toBe(`${read('a')}${read('b')}${read('c')}more\n`);
  }
}
