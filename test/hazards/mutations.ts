import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildProgram } from '../support/layer-program.ts';

/**
 * node test/hazards/mutations.ts [name…]
 *
 * Shows that the hazards are real tests: breaks one thing after another that a skip's being right stands on, in a copy of the sources, and plays against
 * each copy the scenarios that are to notice it. All must fail, and the sources as they are must pass.
 */
interface Mutation {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** The part of the table that fails; all of it is played against the sources as they are. */
  readonly noticed:
    'names' | 'reads' | 'attributes and links' | 'writes' | 'state of the machine' | 'instructions' | null;
}

const recorder = 'src/runner/fuse/recorder.ts';
const saw = '    const bit = bits[kind];\n';
const never = (...kinds: readonly string[]): Pick<Mutation, 'file' | 'from' | 'to'> => ({
  file: recorder,
  from: saw,
  to: `    if (${kinds.map((kind) => `kind === '${kind}'`).join(' || ')}) return;\n${saw}`,
});

const mutations: readonly Mutation[] = [
  { name: 'nothing', file: recorder, from: saw, to: saw, noticed: null },
  { name: 'content', ...never('content'), noticed: 'reads' },
  {
    name: 'absences',
    file: recorder,
    from: '    const { served } = parent;\n',
    to: '    if (parent) return;\n    const { served } = parent;\n',
    noticed: 'names',
  },
  { name: 'listings', ...never('listing'), noticed: 'names' },
  { name: 'links', ...never('link'), noticed: 'attributes and links' },
  { name: 'attributes', ...never('attributes'), noticed: 'attributes and links' },
  { name: 'kinds and modes', ...never('entry'), noticed: 'attributes and links' },
  {
    name: 'the listing above a destination',
    file: recorder,
    from: "(node.observed || (kind === 'listing' && leadsToDestination(node)))",
    to: 'node.observed',
    noticed: 'names',
  },
  {
    // With metacopy a chmod, chown or rename copies no content up, so that nothing is read and what the step wrote into depends on nothing.
    name: 'writes',
    file: 'src/runner/drivers/sandbox/root.ts',
    from: "'volatile,metacopy=off,redirect_dir=off,",
    to: "'volatile,metacopy=on,redirect_dir=on,",
    noticed: 'writes',
  },
  {
    name: 'sources that are gone',
    file: 'src/runner/lookup.ts',
    from: '  const missing = view?.missing[0];',
    to: '  const missing = undefined;',
    noticed: 'names',
  },
  {
    name: 'kinds in a listing',
    file: 'src/runner/view/fingerprint.ts',
    from: "${view.kind((prefix + name) as GuestPath) ?? 'nothing'} ${name}",
    to: '${prefix === name ? view.list(path) : name}',
    noticed: 'names',
  },
  {
    name: 'modes',
    file: 'src/runner/view/fingerprint.ts',
    from: "${entry.mode.toString(8).padStart(4, '0')} ",
    to: '',
    noticed: 'attributes and links',
  },
  {
    name: 'sizes',
    file: 'src/runner/view/fingerprint.ts',
    from: '`${described(entry)} ${entry.sizeBytes}`',
    to: 'described(entry)',
    noticed: 'attributes and links',
  },
  {
    name: 'a stat as a look at the content, under CACHE',
    file: 'src/runner/fuse/file-system.ts',
    from: "    if (timeless) this.#recorder.saw(node, 'attributes');",
    to: "    if (timeless || this.#mtime !== null) this.#recorder.saw(node, 'attributes');",
    noticed: 'instructions',
  },
  {
    name: 'times of its own for a content that came back',
    file: 'src/runner/view/mtimes.ts',
    from: '      if (known?.[0] !== what) return now(path, what);',
    to: '      if (known?.[0] !== what) { if (known === undefined) return now(path, what); continue; }',
    noticed: 'instructions',
  },
  {
    name: 'instances',
    file: 'src/runner/lookup.ts',
    from: 'key: stepKey(position.instance, parts)',
    to: "key: stepKey((first ? position.instance : 'one for all') as typeof position.instance, parts)",
    noticed: 'instructions',
  },
  {
    name: 'processes that are left running',
    file: 'src/runner/drivers/sandbox/machine.ts',
    from: '    if (strays.length > 0)',
    to: '    if (strays.length > 1000)',
    noticed: 'instructions',
  },
  {
    name: 'devices and mounts that a step made',
    file: 'src/runner/drivers/sandbox/machine.ts',
    from: "    if (what !== '')",
    to: "    if (what === 'never')",
    noticed: 'state of the machine',
  },
];

const root = fileURLToPath(new URL('../../', import.meta.url));
const wanted = process.argv.slice(2);
let wrong = 0;
for (const mutation of mutations.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
  const directory = mkdtempSync(join(tmpdir(), 'layer-mutation-'));
  try {
    const { passed, failed } = tryMutation(mutation, directory);
    const right = mutation.name === 'nothing' ? failed === 0 && passed > 0 : failed > 0;
    if (!right) wrong += 1;
    console.log(`${right ? 'as it must' : 'WRONG'}: without ${mutation.name}: ${failed} tests fail, ${passed} pass`);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
process.exitCode = wrong === 0 ? 0 : 1;

function tryMutation(
  { file, from, to, noticed }: Mutation,
  directory: string,
): { readonly passed: number; readonly failed: number } {
  for (const part of ['src', 'targets', 'grammar', '.ci', 'package.json']) {
    cpSync(join(root, part), join(directory, part), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  const text = readFileSync(join(directory, file), 'utf8');
  if (text.split(from).length !== 2) throw new Error(`${file} holds ${JSON.stringify(from)} not once`);
  writeFileSync(join(directory, file), text.replace(from, to));
  const program = buildProgram(directory, join(directory, 'program'));
  const config = join(root, 'test/vitest.config.ts');
  const result = join(directory, 'result.json');
  spawnSync(
    process.execPath,
    [
      join(root, 'node_modules/vitest/vitest.mjs'),
      'run',
      '--config',
      config,
      '--reporter=json',
      `--outputFile=${result}`,
      'test/hazards/table',
      ...(noticed === null ? [] : ['-t', `^${noticed} `]),
    ],
    { cwd: root, env: { ...process.env, LAYER_PROGRAM: program }, stdio: 'ignore' },
  );
  const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(result, 'utf8')) as {
    numPassedTests: number;
    numFailedTests: number;
  };
  return { passed: numPassedTests, failed: numFailedTests };
}
