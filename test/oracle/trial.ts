import { featureSteps, features, type Feature, type Stage } from './features.ts';
import { editSteps } from './layerfile-edits.ts';
import { Random } from './random.ts';
import { randomCopy, randomReplacement, randomRun } from './steps.ts';
import { editTree, randomTree, type Node, type Tree } from './tree.ts';

/** What a repository looks like in one round. */
export interface Round {
  readonly tree: Tree;
  /** What lies where the tree should be; null where the tree does. */
  readonly instead: Node | null;
  /** Layerfiles by path from the trial's directory. */
  readonly layerfiles: Readonly<Record<string, string>>;
  /** Whether each Layerfile is a link to a file beside it. */
  readonly linked: boolean;
  /** What lies where the directory of a Layerfile was that has gone; null where nothing does. */
  readonly inPlaceOfChild: Exclude<Node, { readonly kind: 'pipe' | 'socket' }> | null;
  /** Lines of `.layerignore`, for this trial's directory only. */
  readonly ignored: readonly string[];
  /** What the repository that the trial clones holds; null where it clones none. */
  readonly cloned: Tree | null;
}

/** How a trial's Layerfiles stand to each other. */
export const shapes = ['alone', 'siblings', 'deep', 'waiting', 'split', 'split parent'] as const;
export type Shape = (typeof shapes)[number];

/** A random repository, its Layerfiles, and what is done to them. All of it follows from the seed. */
export interface Trial {
  readonly seed: number;
  /** Its directory in the repository. */
  readonly at: string;
  readonly shape: Shape;
  readonly features: readonly Feature[];
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
for root in [b'/w', b'/q', b'/c', b'/out', b'/bin/c.txt']: show(root)
`;
const probe = `RUN python3 -c "exec(__import__('base64').b64decode('${Buffer.from(probeProgram).toString('base64')}'))" # the probe`;

/** What is put under every chain's end: runs in every round, because API_EXTRA is another in each. */
const ending = ['USER root', 'BUILD ENV API_EXTRA', probe];

export function isProbe(title: string): boolean {
  return title.startsWith('RUN python3 -c "exec(__import__');
}

const weights: Readonly<Record<Feature, number>> = {
  ...{ cache: 0.17, repeatable: 0.12, background: 0.05, server: 0.05, clone: 0.1, user: 0.08 },
  ...{ secret: 0.08, 'build env': 0.08, skip: 0.06, button: 0.03, failing: 0.1, git: 0.2 },
};

export function makeTrial(seed: number, rounds: number): Trial {
  const random = new Random(seed);
  const at = `t${seed}`;
  const shape = random.weigh<Shape>([
    [7, 'alone'],
    [1, 'siblings'],
    [0.7, 'deep'],
    [0.7, 'waiting'],
    [0.8, 'split'],
    [0.5, 'split parent'],
  ]);
  // Every other sixteen trials lie in a git repository.
  const drawn = features.filter((one) => random.chance(weights[one]) && (one !== 'git' || inGit(seed)));
  let number = 0;
  const stage: Stage = {
    ...{ seed, at: `/${at}`, number: () => (number += 1), whole: random.chance(0.15) },
    roots: drawn.includes('clone') ? ['/w', '/w', '/q', '/w/sub', '/c', '/c'] : ['/w', '/w', '/w', '/q', '/w/sub'],
  };
  const split = shape === 'split' || shape === 'split parent' ? splitSteps(random) : [];
  let steps = randomSteps(random, { stage, features: drawn, split });
  let children: readonly (readonly string[])[] = childPaths(shape).map(() =>
    randomSteps(random, { stage, features: [], split: [] }).slice(2, 5),
  );
  let tree = randomTree(random);
  let cloned = drawn.includes('clone') ? randomTree(random) : null;
  let ignored: readonly string[] = [];
  let instead: Node | null = null;
  let linked = false;
  let gone: Gone | null = null;
  const made: Round[] = [];
  for (let round = 0; round < rounds; round++) {
    if (round > 0) {
      const edits = random.pick([1, 1, 1, 2, 3]);
      const earlier = made.map((one) => one.tree);
      for (let edit = 0; edit < edits; edit++) {
        if (cloned !== null && random.chance(0.4)) cloned = editTree(random, cloned, [...earlier, tree]);
        else tree = editTree(random, tree, earlier);
      }
      if (stage.whole) instead = random.chance(0.35) ? random.pick(inPlaceOfSources) : null;
      if (random.chance(0.1)) linked = !linked;
      if (shape === 'siblings' && random.chance(0.5))
        gone = gone === null ? { child: random.pick(['x', 'y']), instead: random.pick(inPlaceOfChildren) } : null;
      if (random.chance(0.1)) ignored = random.pick(ignoring);
      if (random.chance(0.12)) steps = editSteps(random, steps, stage);
      if (random.chance(0.05)) children = children.map((one) => editSteps(random, one, stage));
    }
    const all = Object.entries(layerfilesOf({ shape, steps, children }));
    const layerfiles = Object.fromEntries(all.filter(([path]) => path !== `${gone?.child}/Layerfile`));
    made.push({ tree, instead, ignored, cloned, layerfiles, linked, inPlaceOfChild: gone?.instead ?? null });
  }
  return { seed, at, shape, features: drawn, rounds: made };
}

export function inGit(seed: number): boolean {
  return Math.floor(seed / 16) % 2 === 1;
}

/** A Layerfile whose directory has become something else. */
interface Gone {
  readonly child: string;
  readonly instead: Round['inPlaceOfChild'];
}

const inPlaceOfChildren: readonly Round['inPlaceOfChild'][] = [
  null,
  { kind: 'file', text: 'no directory\n', executable: false },
  { kind: 'link', target: 'y' },
  { kind: 'link', target: 'x' },
  { kind: 'directory' },
];

const inPlaceOfSources: readonly Node[] = [
  { kind: 'file', text: '1\n', executable: false },
  { kind: 'file', text: 'echo 2\n', executable: true },
  { kind: 'link', target: 'x' },
  { kind: 'link', target: '../q' },
  { kind: 'link', target: 'src' },
  { kind: 'directory' },
];

const ignoring: readonly (readonly string[])[] = [
  [],
  ['ignored'],
  ['d.txt'],
  ['dir/sub/'],
  ['b', 'link'],
  ['*.txt', '!c.txt'],
  ['**/added', 'dir/[bs]*'],
  ['unread'],
];

function childPaths(shape: Shape): readonly string[] {
  switch (shape) {
    case 'alone':
    case 'split':
      return [];
    case 'siblings':
    case 'waiting':
    case 'deep':
      return ['x', shape === 'deep' ? 'x/y' : 'y'];
    case 'split parent':
      return ['x'];
  }
}

function layerfilesOf({
  shape,
  steps,
  children,
}: {
  readonly shape: Shape;
  readonly steps: readonly string[];
  readonly children: readonly (readonly string[])[];
}): Round['layerfiles'] {
  const paths = childPaths(shape);
  const file = (from: string, lines: readonly string[], end: readonly string[]): string =>
    `${[...lines.filter(isHead), `FROM ${from}`, ...lines.filter((line) => !isHead(line)), ...end].join('\n')}\n`;
  const made = paths.map((path, index): [string, string] => {
    const lines = children[index] ?? [];
    const waits = shape === 'waiting' && index === 1 ? ['WAIT ../x'] : [];
    // The parent of what lies deepest has no probe of its own, so that it can be skipped whole.
    return [
      `${path}/Layerfile`,
      file('../Layerfile', [...waits, ...lines], shape === 'deep' && index === 0 ? [] : ending),
    ];
  });
  return { Layerfile: file('vm/debian:12', steps, paths.length === 0 ? ending : []), ...Object.fromEntries(made) };
}

/** Comments may stand above FROM, and do where they come first. */
function isHead(line: string): boolean {
  return line.startsWith('# first');
}

function splitSteps(random: Random): readonly string[] {
  return [
    `SPLIT ${random.chance(0.5) ? '' : 'UNORDERED '}2`,
    'RUN echo "$SPLIT of $SPLIT_NUM" > /out/split; cat /w/dir/b > /out/part$SPLIT 2>/dev/null; true',
  ];
}

function randomSteps(
  random: Random,
  {
    stage,
    features: wanted,
    split,
  }: { readonly stage: Stage; readonly features: readonly Feature[]; readonly split: readonly string[] },
): readonly string[] {
  const { at, number } = stage;
  const steps = [`RUN mkdir -m 777 /out # ${at}`, `COPY ${at}/src /w`];
  const count = 3 + random.below(4);
  let before = random.chance(0.25);
  if (before) steps[1] = randomCopy(random, stage);
  const specials = insertions(random, wanted, count);
  const splitAt = 1 + random.below(count - 1);
  for (let index = 0; index < count; index++) {
    for (const [place, feature] of specials) if (place === index) steps.push(...featureSteps(random, feature, stage));
    if (index === splitAt) steps.push(...split);
    steps.push(...randomStep(random, { stage, number, again: before }));
    before = false;
  }
  return steps;
}

/** Where each feature stands among the steps; CACHE before whatever stays up, as the language wants it. */
function insertions(
  random: Random,
  wanted: readonly Feature[],
  count: number,
): readonly (readonly [number, Feature])[] {
  const places = wanted.map(() => random.below(count)).sort((a, b) => a - b);
  const staysUp = (one: Feature): number => (one === 'background' || one === 'server' ? 1 : 0);
  const shuffled = wanted.toSorted(() => random.next() - 0.5).toSorted((a, b) => staysUp(a) - staysUp(b));
  return shuffled.map((feature, index) => [places[index] ?? 0, feature]);
}

function randomStep(
  random: Random,
  { stage, number, again }: { readonly stage: Stage; readonly number: () => number; readonly again: boolean },
): readonly string[] {
  const { at } = stage;
  switch (
    random.weigh([
      [10, 'run'],
      [3, 'copy'],
      [2.5, 'replace'],
      [0.7, 'env'],
      [0.7, 'workdir'],
      [0.4, 'checkpoint'],
      [0.4, 'setup'],
    ] as const)
  ) {
    case 'run':
      return [randomRun(random, number(), stage)];
    case 'copy':
      return [again && random.chance(0.5) ? `COPY ${at}/src /w` : randomCopy(random, stage)];
    case 'replace':
      return [randomReplacement(random, number()), ...(random.chance(0.6) ? [randomCopy(random, stage)] : [])];
    case 'env':
      return random.pick([
        [
          `ENV X=$(cat ${random.pick(['/w/a', '/w/dir/a', '/q/a'])} 2>/dev/null; true)`,
          `RUN echo "$X" > /out/${number()}`,
        ],
        [`ENV Y=1 Z=$Y$X`, `RUN echo "$Y $Z" > /out/${number()}; cat /w/$Y`.concat('; true')],
        [
          `ENV PATH=${random.pick(['/w', '/w/dir', '/w/way'])}:$PATH`,
          `RUN ( b; run.sh ) > /out/${number()} 2>&1; true`,
        ],
      ]);
    case 'workdir':
      return [
        `WORKDIR ${random.pick(['/w', '/w/dir', '/w/way', '/q/new', '/', 'sub'])}`,
        `RUN ( pwd -P; ls -A | grep -v ^c$ | sort ) > /out/${number()} 2>&1`,
      ];
    case 'checkpoint':
      return [random.pick(['CHECKPOINT', 'CHECKPOINT named', 'CHECKPOINT disabled'])];
    case 'setup':
      return random.pick([
        [`RUN echo '[ -e /w/b ] && cat /w/b > /out/set${number()}; true' > /out/setup.sh`, 'SETUP FILE /out/setup.sh'],
        ['SETUP FILE /w/run.sh'],
      ]);
  }
}
