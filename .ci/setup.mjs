// Makes a fresh clone ready to start or to test (node .ci/setup.mjs start|test): npm packages, Debian packages, generated
// parser, dist/.
// Quick when there is nothing to do. Plain JavaScript for Node 20 and newer, since it runs before Node 24 is there.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { debianPackages } from './debian-packages.mjs';

/** What the clone is wanted for: `start` or `test`, which needs more. */
const purpose = process.argv[2] === 'start' ? 'start' : 'test';
const root = fileURLToPath(new URL('..', import.meta.url));
const node = join(root, 'node_modules/.bin/node');
/** What the build is made from; a change of any of it makes a new one. */
const buildInputs = ['src', 'targets', 'grammar', '.ci', 'README.md', 'package.json', 'package-lock.json'];
const buildStamp = join(root, 'dist/.built-from');

npmPackages();
debian();
build();

/** Installs exactly what package-lock.json names, unless that is what lies in node_modules. */
function npmPackages() {
  const reason = npmReason();
  if (reason === null) return;
  if (existsSync(join(root, 'node_modules')) && lstatSync(join(root, 'node_modules')).isSymbolicLink()) {
    return say(`${reason}, but node_modules is a symbolic link: run npm ci where it leads`);
  }
  step(`installing npm packages (${reason})`, () =>
    run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], 'npm ci failed; see above'),
  );
}

/** Why npm has something to do; null where it has not. */
function npmReason() {
  const wanted = packagesOf('package-lock.json');
  const installed = packagesOf('node_modules/.package-lock.json');
  if (installed === null) return 'node_modules is missing';
  const changed = Object.entries(wanted ?? {}).filter(([path, entry]) => {
    const there = installed[path];
    if (path === '') return false;
    return there === undefined ? entry.optional !== true : there.integrity !== entry.integrity;
  });
  if (changed.length > 0) return `package-lock.json has changed: ${changed[0]?.[0].replace('node_modules/', '')}`;
  return existsSync(node) ? null : 'node_modules has no Node';
}

function packagesOf(lockFile) {
  try {
    return JSON.parse(readFileSync(join(root, lockFile), 'utf8')).packages;
  } catch {
    return null;
  }
}

/** Installs the Debian packages that are missing, where that is possible without asking anybody. */
function debian() {
  const needed = debianPackages.filter((one) => purpose === 'test' || one.for === 'start');
  const missing = needed.filter((one) => !existsSync(one.file));
  if (missing.length === 0) return;
  const names = missing.map((one) => one.name);
  const install = ['apt-get', 'install', '-y', '--no-install-recommends', ...names];
  for (const one of missing) say(`needs ${one.name}: ${one.why}`);
  const asRoot = process.getuid?.() === 0 ? [] : canSudo() ? ['sudo', '-n'] : null;
  if (asRoot === null || !existsSync('/usr/bin/apt-get')) {
    fail(`install what is missing, then try again:\n  sudo apt-get update && sudo ${install.join(' ')}`);
  }
  const environment = ['env', 'DEBIAN_FRONTEND=noninteractive'];
  const lock = ['-o', 'DPkg::Lock::Timeout=300'];
  const apt = (args) => {
    const [program, ...rest] = [...asRoot, ...environment, 'apt-get', ...lock, '-qq', ...args];
    run(program, rest, `apt-get ${args[0]} failed; see above`);
  };
  step('reading the list of Debian packages', () => apt(['update']));
  step(`installing ${names.join(', ')}`, () => apt(install.slice(1)));
  const still = missing.filter((one) => !existsSync(one.file));
  if (still.length > 0) fail(`installed, yet not found: ${still.map((one) => one.file).join(', ')}`);
}

function canSudo() {
  return spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0;
}

/** Generates the parser and bundles dist/, unless both were made from these very files. */
function build() {
  const inputs = fingerprint();
  const generated = existsSync(join(root, 'src/syntax/generated-parser.js'));
  if (generated && existsSync(buildStamp) && readFileSync(buildStamp, 'utf8') === inputs) return;
  step('generating the parser and building dist/', () => {
    run(node, ['grammar/generate.ts'], 'generating the parser failed; see above');
    run(node, ['.ci/build.ts'], 'the build failed; see above');
  });
  mkdirSync(join(root, 'dist'), { recursive: true });
  writeFileSync(buildStamp, fingerprint());
}

/** A digest of the names, sizes and times of all that the build reads. */
function fingerprint() {
  const digest = createHash('sha256');
  const add = (path) => {
    const stats = statSync(join(root, path));
    if (stats.isDirectory()) {
      for (const name of readdirSync(join(root, path)).sort()) add(`${path}/${name}`);
    } else if (!path.includes('/generated-')) {
      digest.update(`${path}\0${stats.size}\0${stats.mtimeMs}\n`);
    }
  };
  for (const path of buildInputs.filter((one) => existsSync(join(root, one)))) add(path);
  return digest.digest('hex');
}

/** Runs a program with its output shown, and ends everything where it fails. */
function run(program, args, failure) {
  const result = spawnSync(program, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (result.error) fail(`${program} cannot be started: ${result.error.message}`);
  if (result.status !== 0) fail(failure);
}

function step(what, work) {
  say(`${what} …`);
  const start = Date.now();
  work();
  say(`${what}: done in ${((Date.now() - start) / 1000).toFixed(1)} s`);
}

function say(text) {
  process.stderr.write(`setup: ${text}\n`);
}

function fail(text) {
  say(text);
  process.exit(1);
}
