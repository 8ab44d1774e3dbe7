import { build } from 'esbuild';
import { hash } from 'node:crypto';
import { chmod, cp, readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { compileAgent } from '../src/runner/drivers/vm/compile.ts';

/** The programs in dist/, beside `layer` itself: what a process of its own is started from. */
const entries: Readonly<Record<string, string>> = {
  action: 'src/action/main.ts',
  post: 'src/action/post.ts',
  'cache-client': 'src/runner/stores/actions-cache/client.ts',
};

const root = fileURLToPath(new URL('..', import.meta.url));
/** `node .ci/build.ts [directory]`: tests build into one of their own. */
const dist = process.argv[2] ?? `${root}/dist`;
/** What bundled CommonJS packages expect to find. */
const requireBanner =
  "import { createRequire as layerCreateRequire } from 'node:module'; const require = layerCreateRequire(import.meta.url);";

const common = {
  absWorkingDir: root,
  outdir: dist,
  bundle: true,
  platform: 'node',
  mainFields: ['module', 'main'],
  target: 'node24',
  minifyWhitespace: true,
  minifySyntax: true,
  // Under another license, and as big as all the rest: used as it is installed.
  external: ['elkjs'],
  logLevel: 'warning',
} as const;

await rm(dist, { recursive: true, force: true });
await build({
  ...common,
  entryPoints: { ...entries },
  splitting: true,
  format: 'esm',
  banner: { js: requireBanner },
  chunkNames: '[name]-[hash]',
});
// One file each, and CommonJS: Node takes a millisecond for each module that it links, and this is what a person waits for. What a command does not need is
// still not evaluated.
await build({
  ...common,
  entryPoints: {
    main: 'src/cli/main.ts',
    'look-worker': 'src/runner/input/look-worker.ts',
    'view-server': 'src/runner/fuse/main.ts',
  },
  outExtension: { '.js': '.cjs' },
  format: 'cjs',
  define: { 'import.meta.url': 'layerUrl' },
  banner: {
    js: `const layerUrl = require('node:url').pathToFileURL(__filename).href;
const layerLater = (name) => { let it; return new Proxy({}, { get: (_, key) => (it ??= require(name))[key] }); };`,
  },
});
// Modules of Node's own that take a millisecond or more to load, and that a run in which nothing has changed never calls.
const later =
  /=require\((?="node:(child_process|fs\/promises|worker_threads|stream\/promises|readline\/promises|zlib|http|net|tls)"\))/g;
const main = await readFile(`${dist}/main.cjs`, 'utf8');
const program = main.replace(later, '=layerLater(');
if (/[^\0-\x7f]/.test(program)) throw new Error('dist/main.cjs must be ASCII: it is read as such');
await writeFile(`${dist}/main.cjs`, program);
await build({
  ...common,
  entryPoints: { boot: 'src/cli/boot.ts' },
  outExtension: { '.js': '.cjs' },
  format: 'cjs',
  define: { layerProgramDigest: JSON.stringify(hash('sha256', program).slice(0, 16)) },
});
await build({
  absWorkingDir: root,
  entryPoints: { layer: 'src/cli/entry.ts' },
  outdir: dist,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'es2020',
  banner: { js: '#!/usr/bin/env node' },
  logLevel: 'warning',
});
// What programs read from beside themselves (`new URL('./name', import.meta.url)`). The init of sandbox machines:
await cp(`${root}/src/runner/drivers/sandbox/agent`, `${dist}/agent`, { recursive: true });
// The agent of virtual machines: for this architecture as a program, for others (and where nothing compiles it) as its sources.
await cp(`${root}/src/runner/drivers/vm/guest`, `${dist}/guest`, { recursive: true });
await compileAgent(`${dist}/guest-agent-${process.arch}`, AbortSignal.timeout(120_000)).catch((error: unknown) => {
  process.stderr.write(`The guest agent is left to be compiled where it is used first: ${String(error)}\n`);
});
await chmod(`${dist}/layer.js`, 0o755);
const entry = await readFile(`${dist}/layer.js`, 'utf8');
if (/^\s*(import|export)\b(?!\()/m.test(entry))
  throw new Error('dist/layer.js must hold nothing that an old Node cannot parse');
