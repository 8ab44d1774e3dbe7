// `npm start`: a small web application is built natively, then built again after an edit that only its search can have felt, and once
// more after an edit that nothing can. What runs the second time, and why, is printed by `layer run` itself.
import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const layer = join(root, 'dist/layer.js');
const work = mkdtempSync(join(tmpdir(), 'layer-quickstart-'));
const repository = join(work, 'gallery');

process.on('exit', () => rmSync(work, { recursive: true, force: true }));
cpSync(join(root, 'fixtures/quickstart'), repository, { recursive: true });
git('init', '--quiet', '--initial-branch=main');
git('add', '.');
git('-c', 'user.name=layer', '-c', 'user.email=layer@localhost', 'commit', '--quiet', '--message=A gallery');

say(
  'A repository with three Layerfiles (fixtures/quickstart): the site is built, its tests run, its server is visited.',
);
run('layer run');
say('Now app/search.py is edited. The pictures are not drawn again: that step never looked at the search.');
appendFileSync(join(repository, 'app/search.py'), '\n# Titles are short, so nothing is indexed.\n');
run('layer run');
say('Now README.md is edited, which no step has read.');
appendFileSync(join(repository, 'README.md'), '\nPictures are drawn anew only when they change.\n');
run('layer run');

function say(text: string): void {
  console.log(`\n${text}\n`);
}

/** Runs a line of the README as a person would; ends where it fails. */
function run(line: string): void {
  console.log(`$ ${line}`);
  const [, ...args] = line.split(' ');
  // The same everywhere, also where KVM would give it virtual machines.
  const env = { ...process.env, LAYER_DRIVER: 'sandbox' };
  const { status, signal } = spawnSync(process.execPath, [layer, ...args], { cwd: repository, env, stdio: 'inherit' });
  if (status !== 0) process.exit(signal === null ? (status ?? 1) : 130);
}

function git(...args: readonly string[]): void {
  const { status } = spawnSync('git', args, { cwd: repository, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}
