// How many steps run that need not have: a fixed list of edits of the example, each with what a perfect oracle would run. As root: node bench/precision.ts
import { execFileSync } from 'node:child_process';
import { appendFileSync, chmodSync, cpSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openBench, settle } from './layer.ts';
import { table } from './table.ts';

/** Steps of the example, by a word of theirs. */
const build = 'build_site';
const unit = 'unittest';
const web = ['app.server', 'EXPOSE', 'visit.py'];

interface Edit {
  readonly what: string;
  readonly edit: (root: string) => void;
  /** Whose result is another: what they print, leave, or end with. */
  readonly needed: readonly string[];
}

const edits: readonly Edit[] = [
  { what: 'nothing', edit: () => {}, needed: [] },
  { what: 'every file touched', edit: (root) => touchAll(root), needed: [] },
  { what: 'a document edited', edit: (root) => append(root, 'README.md', 'more\n'), needed: [] },
  { what: 'a document new in a new directory', edit: (root) => append(root, 'docs/notes.md', 'notes\n'), needed: [] },
  { what: 'a file new beside the sources', edit: (root) => append(root, 'app/notes.txt', 'notes\n'), needed: [] },
  { what: 'a document made executable', edit: (root) => chmodSync(join(root, 'README.md'), 0o755), needed: [] },
  { what: 'a comment in a Layerfile', edit: (root) => append(root, 'Layerfile', '# a comment\n'), needed: [] },
  { what: 'a comment in a module', edit: (root) => append(root, 'app/search.py', '# a comment\n'), needed: [] },
  {
    what: 'a comment in the tool that builds',
    edit: (root) => append(root, 'tools/build_site.py', '# a comment\n'),
    needed: [],
  },
  { what: 'a test new', edit: (root) => append(root, 'tests/unit/test_more.py', newTest), needed: [unit] },
  { what: 'a test gone', edit: (root) => rmSync(join(root, 'tests/unit/test_feed.py')), needed: [unit] },
  {
    what: 'the visitor edited',
    edit: (root) => append(root, 'tests/web/visit.py', 'print("all seen")\n'),
    needed: ['visit.py'],
  },
  {
    what: 'the feed edited',
    edit: (root) => replace(root, 'app/feed.py', '<title>Gallery', '<title>The gallery'),
    needed: [unit, ...web],
  },
  {
    what: 'a title of a picture edited',
    edit: (root) => replace(root, 'content/pictures.json', '"title": "', '"title": "The '),
    needed: [build, unit, ...web],
  },
];

const newTest =
  'import unittest\n\n\nclass More(unittest.TestCase):\n    def test_more(self):\n        self.assertTrue(True)\n';

using bench = await openBench('precision');
const example = fileURLToPath(new URL('../fixtures/quickstart', import.meta.url));
const rows: string[][] = [];
let [ran, needed, steps] = [0, 0, 0];
const root = bench.repository('example', []);
for (const one of [null, ...edits]) {
  for (const name of execFileSync('ls', [root], { encoding: 'utf8' }).split('\n').filter(Boolean))
    rmSync(join(root, name), { recursive: true });
  cpSync(example, root, { recursive: true });
  one?.edit(root);
  settle();
  const events = bench.events(root);
  if (one === null) continue;
  const titles = (kind: string): readonly string[] =>
    events.flatMap((event) => (event.kind === kind ? (event.step?.title ?? []) : []));
  const did = titles('stepEnded');
  const missed = one.needed.filter((word) => !did.some((title) => title.includes(word)));
  if (missed.length > 0) throw new Error(`${one.what}: ${missed.join(', ')} was skipped`);
  ran += did.length;
  needed += one.needed.length;
  steps += did.length + titles('stepSkipped').length;
  rows.push([one.what, String(did.length), String(one.needed.length)]);
}
rows.push([`all, of ${steps} steps`, String(ran), String(needed)]);
console.log(
  table(
    'Steps of the example that run after an edit, and those whose result is another',
    ['', 'ran', 'a perfect oracle'],
    rows,
  ),
);

function append(directory: string, path: string, text: string): void {
  mkdirSync(join(directory, path, '..'), { recursive: true });
  appendFileSync(join(directory, path), text);
}

function replace(directory: string, path: string, from: string, to: string): void {
  const text = readFileSync(join(directory, path), 'utf8');
  if (!text.includes(from)) throw new Error(`${path} holds no ${from}`);
  writeFileSync(join(directory, path), text.replace(from, to));
}

function touchAll(directory: string): void {
  const now = new Date();
  for (const path of execFileSync('find', [directory, '-path', '*/.git', '-prune', '-o', '-type', 'f', '-print'], {
    encoding: 'utf8',
  }).split('\n')) {
    if (path !== '') utimesSync(path, now, now);
  }
}
