import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Random } from '../oracle/random.ts';
import { openWorkshop, type Report, type Workshop } from '../support/workshop.ts';
import { descendants, lastingLeftovers, orphanedCgroups } from './leftovers.ts';

/** How often something is killed. LAYER_FAULTS=1000 tries more; LAYER_FAULTS_SEED plays a run again. */
const times = Number(process.env['LAYER_FAULTS'] ?? '30');
const seed = Number(process.env['LAYER_FAULTS_SEED'] ?? Math.floor(Math.random() * 1e9));

type Victim = 'layer' | 'view server' | 'step' | 'init';
const victims: readonly Victim[] = ['layer', 'layer', 'view server', 'step', 'init'];

const layerfile = [
  'FROM vm/debian:12',
  'COPY . /w',
  'RUN mkdir /o; cat /w/a > /o/a; sleep 0.1; cat /w/b > /o/b',
  'RUN echo more >> /w/c; sleep 0.1; cp /w/c /o/c',
  'BUILD ENV API_EXTRA',
  'RUN cat /o/a /o/b /o/c',
  '',
].join('\n');

describe(`kill -9 at random instants, seed ${seed}`, () => {
  it(
    `${times} times: the store opens, the next run is right, and nothing is left`,
    { timeout: 60_000 + times * 6_000 },
    async () => {
      const random = new Random(seed);
      using workshop = openWorkshop();
      workshop.put({ 'one/Layerfile': layerfile, 'two/Layerfile': layerfile });
      const killed = new Map<Victim, number>();
      const runs = new Set<number>();
      for (let round = 0; round < times; round++) {
        const texts = Object.fromEntries(
          ['one/a', 'one/b', 'one/c', 'two/a', 'two/b', 'two/c'].flatMap((path) =>
            round === 0 || random.chance(0.4) ? [[path, `${path} ${random.below(3)}\n`]] : [],
          ),
        );
        workshop.put(texts);
        const victim = random.pick(victims);
        const forced = random.chance(0.3) ? ['--no-cache'] : [];
        const { process: run, report } = workshop.start({ args: [...forced, `--env=API_EXTRA=${round}`] });
        if (run.pid !== undefined) runs.add(run.pid);
        const over = report.then(() => true);
        await Promise.race([sleep(random.below(900)), over]);
        if (await kill(victim, { pid: run.pid ?? 0, random, over })) killed.set(victim, (killed.get(victim) ?? 0) + 1);
        const broken = await report;
        if (victim !== 'layer') expect(broken.stderr).not.toContain('bug');

        const after = await workshop.run({ args: [`--env=API_EXTRA=after ${round}`] });
        expect(after.status, `after ${victim} was killed in round ${round}: ${after.stderr}`).toBe(0);
        expectRight(after, workshop, `after ${victim} was killed in round ${round}`);
        expect(await lastingLeftovers(workshop.directory)).toEqual([]);
      }
      expect(orphanedCgroups(runs)).toEqual([]);
      console.log(`killed ${[...killed].map(([name, count]) => `${name} ${count}`).join(', ')} of ${times}`);
      expect([...killed.values()].reduce((sum, one) => sum + one, 0)).toBeGreaterThan(times / 3);
    },
  );
});

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
