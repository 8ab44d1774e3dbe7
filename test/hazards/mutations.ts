import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildProgram } from '../support/layer-program.ts';

/**
 * node test/hazards/mutations.ts [name…]
 *
 * Shows that the hazards are real tests: turns off one kind of observation after another in a copy of the sources, and runs them against each copy.
 * All must fail, and the sources as they are must pass.
 */
interface Mutation {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const recorder = 'src/runner/fuse/recorder.ts';
const saw = '    const bit = bits[kind];\n';
const never = (...kinds: readonly string[]): Pick<Mutation, 'file' | 'from' | 'to'> => ({
  file: recorder,
  from: saw,
  to: `    if (${kinds.map((kind) => `kind === '${kind}'`).join(' || ')}) return;\n${saw}`,
});

const mutations: readonly Mutation[] = [
  { name: 'nothing', file: recorder, from: saw, to: saw },
  { name: 'content', ...never('content') },
  {
    name: 'absences',
    file: recorder,
    from: '    const { served } = parent;\n',
    to: '    if (parent) return;\n    const { served } = parent;\n',
  },
  { name: 'listings', ...never('listing') },
  { name: 'links', ...never('link') },
  { name: 'attributes', ...never('attributes') },
  { name: 'kinds and modes', ...never('entry') },
  {
    // With metacopy a chmod, chown or rename copies no content up, so that nothing is read and what the step wrote into depends on nothing.
    name: 'writes',
    file: 'src/runner/drivers/sandbox/root.ts',
    from: "'volatile,metacopy=off,redirect_dir=off,",
    to: "'volatile,metacopy=on,redirect_dir=on,",
  },
  {
    name: 'sources that are gone',
    file: 'src/runner/lookup.ts',
    from: '  const missing = view?.missing[0];',
    to: '  const missing = undefined;',
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
  { file, from, to }: Mutation,
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
    ],
    { cwd: root, env: { ...process.env, LAYER_PROGRAM: program }, stdio: 'ignore' },
  );
  const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(result, 'utf8')) as {
    numPassedTests: number;
    numFailedTests: number;
  };
  return { passed: numPassedTests, failed: numFailedTests };
}
