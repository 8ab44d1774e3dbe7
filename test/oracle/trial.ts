import { Random } from './random.ts';
import { linter, maker, randomCopy, randomRun } from './steps.ts';
import { editTree, randomTree, type Tree } from './tree.ts';

/** What a repository looks like in one round. */
export interface Round {
  readonly tree: Tree;
  /** Layerfiles by path from the trial's directory. */
  readonly layerfiles: Readonly<Record<string, string>>;
  /** Lines of `.layerignore`, for this trial's directory only. */
  readonly ignored: readonly string[];
}

/** A random repository, its Layerfiles, and what is done to them. All of it follows from the seed. */
export interface Trial {
  readonly seed: number;
  /** Its directory in the repository. */
  readonly at: string;
  readonly kind: 'plain' | 'cache' | 'repeatable' | 'split' | 'siblings';
  readonly rounds: readonly Round[];
}

/** Prints the whole tree that steps can have touched, one line a path; times and inodes apart. */
const probeProgram = `
import os, hashlib, stat
def show(path):
    try: s = os.lstat(path)
    except FileNotFoundError: return
    x = ''
    if not stat.S_ISLNK(s.st_mode):
        try: x = ' '.join('%s=%s' % (n, os.getxattr(path, n).hex()) for n in sorted(os.listxattr(path)))
        except OSError: pass
    c = ''
    if stat.S_ISREG(s.st_mode): c = open(path, 'rb').read().hex()
    if stat.S_ISLNK(s.st_mode): c = repr(os.readlink(path))
    print(ascii(path), oct(s.st_mode), s.st_uid, s.st_gid, c, x)
    if stat.S_ISDIR(s.st_mode):
        for n in sorted(os.listdir(path)): show(os.path.join(path, n))
for root in [b'/w', b'/q', b'/out', b'/bin/c.txt']: show(root)
`;
const probe = `RUN python3 -c "exec(__import__('base64').b64decode('${Buffer.from(probeProgram).toString('base64')}'))" # the probe`;

/** What is put under every chain's end: runs in every round, because API_EXTRA is another in each. */
const ending = ['BUILD ENV API_EXTRA', probe];

export function isProbe(title: string): boolean {
  return title.startsWith('RUN python3 -c "exec(__import__');
}

export function makeTrial(seed: number, rounds: number): Trial {
  const random = new Random(seed);
  const at = `t${seed}`;
  const kind = random.weigh([
    [5, 'plain'],
    [1.5, 'cache'],
    [1, 'repeatable'],
    [1, 'split'],
    [1.5, 'siblings'],
  ] as const);
  let steps = randomSteps(random, `/${at}`, kind);
  let child: readonly (readonly string[])[] = [
    randomSteps(random, `/${at}`, 'plain'),
    randomSteps(random, `/${at}`, 'plain'),
  ].map((one) => one.slice(2, 5));
  let tree = randomTree(random);
  let ignored: readonly string[] = [];
  const made: Round[] = [];
  for (let round = 0; round < rounds; round++) {
    if (round > 0) {
      const edits = random.pick([1, 1, 1, 2, 3]);
      for (let edit = 0; edit < edits; edit++) {
        tree = editTree(
          random,
          tree,
          made.map((one) => one.tree),
        );
      }
      if (random.chance(0.08)) ignored = random.pick([[], ['ignored'], ['d.txt'], ['dir/sub/'], ['b', 'link']]);
      if (random.chance(0.08)) steps = editSteps(random, steps);
      if (random.chance(0.04)) child = child.map((one) => editSteps(random, one));
    }
    made.push({ tree, ignored, layerfiles: layerfilesOf({ kind, steps, child }) });
  }
  return { seed, at, kind, rounds: made };
}

function layerfilesOf({
  kind,
  steps,
  child,
}: {
  kind: Trial['kind'];
  steps: readonly string[];
  child: readonly (readonly string[])[];
}): Round['layerfiles'] {
  const file = (from: string, lines: readonly string[]): string =>
    `${[`FROM ${from}`, ...lines, ...ending].join('\n')}\n`;
  if (kind !== 'siblings') return { Layerfile: file('vm/debian:12', steps) };
  return {
    Layerfile: `${['FROM vm/debian:12', ...steps].join('\n')}\n`,
    ...Object.fromEntries(child.map((lines, index) => [`${'xy'[index]}/Layerfile`, file('../Layerfile', lines)])),
  };
}

function randomSteps(random: Random, at: string, kind: Trial['kind']): readonly string[] {
  const steps = [`RUN mkdir /out # ${at}`, `COPY ${at}/src /w`];
  const count = 3 + random.below(5);
  const special = 1 + random.below(count - 1);
  let before = random.chance(0.25);
  if (before) steps[1] = randomCopy(random, at);
  for (let number = 0; number < count; number++) {
    if (number === special) steps.push(...specialSteps(random, at, kind));
    const step = random.weigh([
      [10, 'run'],
      [3, 'copy'],
      [0.7, 'env'],
      [0.7, 'workdir'],
      [0.4, 'checkpoint'],
      [0.4, 'setup'],
    ] as const);
    if (step === 'run') steps.push(randomRun(random, number));
    if (step === 'copy') steps.push(before && random.chance(0.5) ? `COPY ${at}/src /w` : randomCopy(random, at));
    if (step === 'env')
      steps.push(
        `ENV X=$(cat ${random.pick(['/w/a', '/w/dir/a', '/q/a'])} 2>/dev/null; true)`,
        `RUN echo "$X" > /out/env${number}`,
      );
    if (step === 'workdir')
      steps.push(
        `WORKDIR ${random.pick(['/w', '/w/dir', '/w/way', '/q/new', '/'])}`,
        `RUN ( pwd -P; ls -A | sort ) > /out/${number} 2>&1`,
      );
    if (step === 'checkpoint') steps.push(random.pick(['CHECKPOINT', 'CHECKPOINT disabled']));
    if (step === 'setup')
      steps.push(
        `RUN echo '[ -e /w/b ] && cat /w/b > /out/set${number}; true' > /out/setup.sh`,
        'SETUP FILE /out/setup.sh',
      );
    before = false;
  }
  return steps;
}

function specialSteps(random: Random, at: string, kind: Trial['kind']): readonly string[] {
  switch (kind) {
    case 'plain':
    case 'siblings':
      return [];
    case 'cache':
      return [`CACHE /cache${at}`, `RUN ${random.pick([linter, maker])(`/cache${at}`)}`];
    case 'repeatable':
      return [`RUN REPEATABLE ${maker('/objects')}`];
    case 'split':
      return [
        `SPLIT ${random.chance(0.5) ? '' : 'UNORDERED '}2`,
        'RUN echo "$SPLIT of $SPLIT_NUM" > /out/split; cat /w/dir/b > /out/part$SPLIT 2>/dev/null; true',
      ];
  }
}

/** A person edits the Layerfile: a line goes, comes or changes. */
function editSteps(random: Random, steps: readonly string[]): readonly string[] {
  const at = Math.min(steps.length, 2 + random.below(steps.length));
  const line = randomRun(random, 90 + random.below(10));
  return random.weigh([
    [1, [...steps.slice(0, at), line, ...steps.slice(at)]],
    [1, steps.filter((one, index) => index !== at || !one.startsWith('RUN ('))],
    [1, ['# a comment', ...steps]],
  ]);
}
