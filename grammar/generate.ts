// Writes what is made from the grammar and from the tree's types: the parser, the hover texts, and the README's table of
// instructions; and the parser of Earthfiles. Runs before every start and test, so Peggy and ts-morph are loaded only where something has changed.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { betweenMarkers, hoverModule, referenceTable, withTable } from './reference.ts';

const inputs = [
  'grammar/layerfile.peggy',
  'src/syntax/ast.ts',
  'grammar/generate.ts',
  'grammar/parser.ts',
  'grammar/instructions.ts',
  'grammar/reference.ts',
  'docs/layerfile.md',
];
const outputs = ['src/syntax/generated-parser.js', 'src/syntax/generated-parser.d.ts', 'src/syntax/generated-hover.ts'];

const earthfileInputs = ['grammar/earthfile.peggy', 'grammar/earthfile-parser.ts', 'grammar/generate.ts'];
const earthfileOutputs = ['src/earthfile/generated-parser.js', 'src/earthfile/generated-parser.d.ts'];

if (outputs.some((name) => !read(name).startsWith(stamp(read('README.md'))))) await attempt(generate, inputs[0]);
if (earthfileOutputs.some((name) => !read(name).startsWith(earthfileStamp()))) {
  await attempt(generateEarthfile, earthfileInputs[0]);
}

/** The programs of compiled Layerfiles, as modules: emitters are pure, so they cannot read them. A program of several files is these, one after the other. */
const shells = [
  {
    name: 'layerShell',
    output: 'targets/shell/generated-layer-sh.ts',
    sources: 'start values machine files settings begin expose cache state call'
      .split(' ')
      .map((part) => `targets/shell/layer-sh/${part}.sh`),
  },
  {
    name: 'layerProxy',
    output: 'targets/shell/generated-layer-proxy.ts',
    sources: ['targets/shell/layer-proxy.py'],
  },
  { name: 'enterShell', output: 'targets/earthfile/generated-enter.ts', sources: ['targets/earthfile/enter.sh'] },
  { name: 'buildShell', output: 'targets/earthfile/generated-build.ts', sources: ['targets/earthfile/build.sh'] },
];
for (const { name, output, sources } of shells) {
  const made = madeFrom([...sources.map(read), read('grammar/generate.ts')]);
  const program = sources.map(read).join('\n');
  const text = `/** See ${sources.join(', ')}. */\nexport const ${name} = ${JSON.stringify(program)};\n`;
  if (!read(output).startsWith(made)) write(output, `${made}${text}`);
}

async function attempt(make: () => Promise<void>, grammar: string | undefined): Promise<void> {
  try {
    await make();
  } catch (error) {
    console.error(`grammar/generate.ts: ${describe(error, grammar ?? '')}`);
    process.exitCode = 1;
  }
}

async function generateEarthfile(): Promise<void> {
  const { generateEarthfileParser, earthfileParserTypes } = await import('./earthfile-parser.ts');
  const texts = [generateEarthfileParser(read('grammar/earthfile.peggy')), earthfileParserTypes];
  earthfileOutputs.forEach((name, index) => write(name, `${earthfileStamp()}${texts[index] ?? ''}`));
}

function earthfileStamp(): string {
  return madeFrom(earthfileInputs.map(read));
}

async function generate(): Promise<void> {
  const [parser, { readInstructions }] = await Promise.all([import('./parser.ts'), import('./instructions.ts')]);
  const grammar = read('grammar/layerfile.peggy');
  const docs = readInstructions(path('src/syntax/ast.ts'), parser.ruleNames(grammar));
  const readme = withTable(read('README.md'), referenceTable(docs));
  const texts = [parser.generateParser(grammar), parser.parserTypes, hoverModule(docs, read('docs/layerfile.md'))];
  if (readme !== read('README.md')) write('README.md', readme);
  outputs.forEach((name, index) => write(name, `${stamp(readme)}${texts[index] ?? ''}`));
}

/** The first line of every output: what it was made from, and for which table. */
function stamp(readme: string): string {
  return madeFrom([...inputs.map(read), betweenMarkers(readme) ?? '']);
}

function madeFrom(texts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(`${text.length}\n${text}`);
  return `// Made by grammar/generate.ts from ${hash.digest('hex').slice(0, 32)}; do not edit.\n`;
}

function path(name: string): string {
  return fileURLToPath(new URL(`../${name}`, import.meta.url));
}

function read(name: string): string {
  return existsSync(path(name)) ? readFileSync(path(name), 'utf8') : '';
}

/** Whole or not at all: another process may be reading. */
function write(name: string, text: string): void {
  const written = path(`${name}.${process.pid}.tmp`);
  writeFileSync(written, text);
  renameSync(written, path(name));
}

function describe(error: unknown, grammar: string): string {
  const { message, location } = error as { message: string; location?: { start: { line: number; column: number } } };
  const { start } = location ?? {};
  return start === undefined ? message : `${grammar}:${start.line}:${start.column}: ${message}`;
}
