// `layer run` beside `buildah build --layers` (chroot isolation, overlay storage): the same steps on the same base machine. As root, with buildah
// installed: node bench/buildah.ts [rounds]
import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { debianBase } from '../test/support/base-machine.ts';
import { least, openBench, settle, smallFiles, times } from './layer.ts';
import { table } from './table.ts';

const rounds = Number(process.argv[2] ?? 3);
const command = 'find src -type f | sort | xargs cat | md5sum';
using bench = await openBench('buildah');
const storage = ['root', 'runroot'].flatMap((name) => [`--${name}`, join(bench.directory, 'containers', name)]);
const buildah = (...args: readonly string[]): string =>
  execFileSync('buildah', [...storage, '--storage-driver', 'overlay', ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim();

if (spawnSync('buildah', ['--version']).status !== 0) {
  console.log('buildah is not installed: apt install buildah\n');
} else {
  const base = await debianBase();
  const container = buildah('from', 'scratch');
  buildah('copy', '--quiet', container, base.root, '/');
  buildah('commit', '--quiet', container, 'base');
  buildah('rm', container);
  const containerfile = join(bench.directory, 'Containerfile');
  writeFileSync(containerfile, `FROM localhost/base\nWORKDIR /root\nCOPY . .\nRUN ${command}\n`);
  const rows: string[][] = [];
  for (const count of [2000, 10_000]) {
    const repository = bench.repository(`files-${count}`, [
      ...smallFiles(count),
      ['notes/unread.md', 'nobody reads this\n'],
    ]);
    mkdirSync(join(repository, '.git/info'), { recursive: true });
    writeFileSync(join(repository, '.containerignore'), '.git\nLayerfile\n');
    writeFileSync(join(repository, 'Layerfile'), `FROM vm/debian:12\nCOPY . .\nRUN ${command}\n`);
    const layer = (): number => bench.run(repository);
    const build = (): void =>
      void buildah('build', '--layers', '--isolation', 'chroot', '--quiet', '--file', containerfile, repository);
    settle();
    for (let before = 0; before < 3; before += 1) layer();
    build();
    const cases: Readonly<Record<string, (round: number) => void>> = {
      'nothing changed': () => {},
      'a file edited that no step reads': (round) =>
        appendFileSync(join(repository, 'notes/unread.md'), `edit ${round}\n`),
      'a file edited that a step reads': (round) =>
        appendFileSync(join(repository, 'src/d0/f0.ts'), `// edit ${round}\n`),
    };
    for (const [what, edit] of Object.entries(cases)) {
      const layers: number[] = [];
      const builds: number[] = [];
      for (let round = 0; round < rounds; round += 1) {
        edit(round);
        settle();
        layers.push(layer());
        builds.push(...times(1, build));
      }
      const ratio = Math.min(...builds) / Math.min(...layers);
      rows.push([
        `${count.toLocaleString('en')} files, ${what}`,
        least(layers),
        least(builds),
        `${ratio.toFixed(1)} ×`,
      ]);
    }
  }
  console.log(
    table(`The same steps: the least of ${rounds}`, ['', '`layer run`', '`buildah build --layers`', ''], rows),
  );
}
