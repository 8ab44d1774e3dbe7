import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { fingerprint } from '../../../src/runner/view/fingerprint.ts';
import { loadManifest, type ManifestNode, writeManifest } from '../../../src/runner/view/manifest.ts';
import { openView } from '../../../src/runner/view/open.ts';
import type { Observation } from '../../../src/runner/view/view.ts';
import { type Served, serveDirectory, wholeRepository } from './served.ts';

/**
 * The one promise, tried at random: a program whose observations all hold on another tree does there what it did before.
 * LAYER_DIFFERENTIAL_ROUNDS makes it longer, LAYER_DIFFERENTIAL_SEED repeats a failure.
 */
const rounds = Number(process.env['LAYER_DIFFERENTIAL_ROUNDS'] ?? 1);
const firstSeed = Number(process.env['LAYER_DIFFERENTIAL_SEED'] ?? Date.now() % 1_000_000);
const programsPerRound = 40;
const mutantsPerProgram = 8;

const operations =
  `read read read-nofollow map end stat stat lstat access access list scan walk readlink write create append truncate chmod
  unlink mkdir rmdir rename link symlink sendfile`.split(/\s+/);
const names = ['a', 'b', 'c', 'd'];
const contents = ['', '', 'x', 'y', 'xx', 'x'.repeat(5000), 'y'.repeat(5000)];

type Entry =
  | { readonly kind: 'file'; content: string; executable: boolean }
  | { readonly kind: 'link'; target: string }
  | { readonly kind: 'directory'; readonly children: Map<string, Entry> };

/** mulberry32: numbers below a limit that depend on the seed alone. */
function randomness(seed: number) {
  let state = seed >>> 0;
  const below = (limit: number): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
  const pick = <T>(all: readonly T[]): T => all[below(all.length)] as T;
  return { below, pick };
}
type Random = ReturnType<typeof randomness>;

function randomEntry(random: Random, depth: number): Entry {
  const dice = random.below(10);
  if (depth > 0 && dice < 4) return randomDirectory(random, depth - 1);
  if (dice < 6) return { kind: 'link', target: randomPath(random) };
  return { kind: 'file', content: random.pick(contents), executable: random.below(3) === 0 };
}

function randomDirectory(random: Random, depth: number): Entry & { kind: 'directory' } {
  const chosen = names.filter(() => random.below(3) > 0);
  return { kind: 'directory', children: new Map(chosen.map((name) => [name, randomEntry(random, depth)])) };
}

function randomPath(random: Random): string {
  return Array.from({ length: 1 + random.below(3) }, () =>
    random.pick(random.below(12) === 0 ? ['..', '.'] : names),
  ).join('/');
}

function randomProgram(random: Random): readonly (readonly string[])[] {
  return Array.from({ length: 1 + random.below(8) }, () => [
    random.pick(operations),
    randomPath(random),
    randomPath(random),
  ]);
}

/** Changes one or two things somewhere in a tree. */
function mutate(random: Random, tree: Entry & { kind: 'directory' }): Entry & { kind: 'directory' } {
  const copy = structuredClone(tree);
  for (let times = 1 + random.below(2); times > 0; times--) {
    let directory: Entry & { kind: 'directory' } = copy;
    for (;;) {
      const name = random.pick(names);
      const child = directory.children.get(name);
      if (child?.kind === 'directory' && random.below(3) > 0) {
        directory = child;
        continue;
      }
      if (child?.kind === 'file' && random.below(2) === 0) child.content = random.pick(contents);
      else if (child?.kind === 'file' && random.below(3) === 0) child.executable = !child.executable;
      else if (child !== undefined && random.below(3) === 0) directory.children.delete(name);
      else directory.children.set(name, randomEntry(random, 1));
      break;
    }
  }
  return copy;
}

function manifestOf(root: Entry & { kind: 'directory' }, blobs: string): Uint8Array {
  const node = (name: string, entry: Entry): ManifestNode => {
    switch (entry.kind) {
      case 'directory':
        return { kind: 'directory', name, children: [...entry.children].map(([child, inner]) => node(child, inner)) };
      case 'link':
        return { kind: 'link', name, target: entry.target, shownMtimeNs: null };
      case 'file': {
        const digest = createHash('sha1').update(`blob ${entry.content.length}\0${entry.content}`).digest('hex');
        fs.mkdirSync(`${blobs}/${digest.slice(0, 2)}`, { recursive: true });
        fs.writeFileSync(`${blobs}/${digest.slice(0, 2)}/${digest.slice(2)}`, entry.content);
        const shownMtimeNs = 1_600_000_000_000_000_000n + BigInt(`0x${digest.slice(0, 12)}`);
        return {
          kind: 'file',
          name,
          executable: entry.executable,
          digest,
          sizeBytes: entry.content.length,
          content: 'immutable',
          shownMtimeNs,
        };
      }
    }
  };
  return writeManifest(node('', root) as ManifestNode & { kind: 'directory' }, { working: '', blobs });
}

interface Job {
  readonly program: readonly (readonly string[])[];
  readonly manifest: Uint8Array;
}

/** Runs programs, each in a fresh overlay on a view of its own tree; what each printed, and what it was seen to look at. */
async function runAll(served: Served, jobs: readonly Job[], from: number) {
  const script: string[] = [];
  for (const [index, { program, manifest }] of jobs.entries()) {
    const ordinal = from + index;
    const at = `${served.directory}/job-${ordinal}`;
    fs.mkdirSync(at);
    for (const name of ['base', 'upper', 'work', 'root']) fs.mkdirSync(`${at}/${name}`);
    fs.writeFileSync(`${at}/manifest`, manifest);
    fs.writeFileSync(`${at}/program`, JSON.stringify(program));
    await served.server.addTree(`tree-${ordinal}`, `${at}/manifest`);
    await served.server.addView(wholeRepository({ ordinal, tree: `tree-${ordinal}` }));
    const options = `lowerdir=${served.mount}/${ordinal}:base,upperdir=upper,workdir=work,metacopy=off,redirect_dir=off,index=off,nfs_export=off,xino=off`;
    script.push(`cd ${at} && mount -t overlay overlay -o ${options} root`);
    script.push(`(cd root && /usr/bin/python3 -I -S ${interpreter} ../program > ../output); umount root`);
  }
  const ran = await served.run(script.join('\n'), { cwd: '/' });
  expect(ran.stderr).toBe('');
  const { observations, fault } = await served.server.cut();
  expect(fault).toBeNull();
  return jobs.map((_, index) => ({
    printed: fs.readFileSync(`${served.directory}/job-${from + index}/output`, 'utf8'),
    observations: observations.filter(({ view }) => view === from + index),
  }));
}

/** What was seen, but for the content of empty files: a name's LOOKUP tells it only where the file is empty, and no program asked for it. */
function facts(observations: readonly Observation[]): readonly string[] {
  return observations
    .map((one) => `${one.kind} ${one.path} ${one.fingerprint}`)
    .filter((fact) => !fact.includes(emptyBlob))
    .sort();
}

const emptyBlob = createHash('sha1').update('blob 0\0').digest('hex');
const interpreter = fileURLToPath(new URL('program.py', import.meta.url));

function hold(observations: readonly Observation[], manifest: Uint8Array): boolean {
  const view = openView(wholeRepository(), loadManifest(manifest));
  return observations.every(({ path, kind, fingerprint: seen }) => fingerprint(view, path, kind) === seen);
}

test.each(['plain', 'persistent'] as const)(
  'what is not seen to change does not change what a program does: %s',
  async (mtime) => {
    let skipped = 0;
    let rerun = 0;
    for (let round = 0; round < rounds; round++) {
      const seed = firstSeed + round;
      const random = randomness(seed);
      await using served = await serveDirectory({ fill: () => {}, mtime });
      const blobs = `${served.directory}/blobs`;
      const trees = Array.from({ length: programsPerRound }, () => randomDirectory(random, 2));
      const jobs = trees.map((tree) => ({ program: randomProgram(random), manifest: manifestOf(tree, blobs) }));
      const before = await runAll(served, jobs, 1);

      const again: (Job & { readonly before: number })[] = [];
      for (const [index, job] of jobs.entries()) {
        for (let mutant = 0; mutant < mutantsPerProgram; mutant++) {
          const manifest = manifestOf(mutate(random, trees[index]!), blobs);
          if (Buffer.compare(manifest, job.manifest) === 0) continue;
          if (hold(before[index]!.observations, manifest))
            again.push({ program: job.program, manifest, before: index });
          else rerun++;
        }
      }
      const after = await runAll(served, again, 1 + jobs.length);
      for (const [index, { before: at, program }] of again.entries()) {
        skipped++;
        expect(after[index]!.printed, `seed ${seed}, program ${JSON.stringify(program)}`).toBe(before[at]!.printed);
        expect(facts(after[index]!.observations), `seed ${seed}`).toEqual(facts(before[at]!.observations));
      }
    }
    console.info(`seed ${firstSeed}: ${skipped} skips, all right; ${rerun} reruns`);
    expect(skipped).toBeGreaterThan(50);
    expect(rerun).toBeGreaterThan(50);
  },
);
