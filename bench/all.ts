// Runs the benchmarks one after another, some twelve minutes, and writes what they print into the README. As root, on a machine that does nothing else, with a
// built dist/: node bench/all.ts [name …]
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** In the order of the README; rounds are chosen so that all take some twelve minutes. */
const benches: Readonly<Record<string, readonly string[]>> = {
  run: ['9'],
  buildah: ['3'],
  tracing: ['9', '400'],
  copy: ['3'],
  sandbox: ['9'],
  precision: [],
  check: ['5'],
  compile: ['5'],
  vm: ['9'],
};

const readme = fileURLToPath(new URL('../README.md', import.meta.url));
const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(benches);
let failed = 0;
for (const name of names) {
  const program = fileURLToPath(new URL(`./${name}.ts`, import.meta.url));
  const began = performance.now();
  const { status, stdout } = spawnSync(process.execPath, [program, ...(benches[name] ?? [])], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  console.error(`${name}: ${((performance.now() - began) / 1000).toFixed(0)} s`);
  if (status !== 0) {
    failed += 1;
    continue;
  }
  console.log(stdout);
  writeFileSync(readme, placed(readFileSync(readme, 'utf8'), name, stdout.trim()));
}
process.exitCode = failed === 0 ? 0 : 1;

/** The README with a benchmark's figures in their place. */
function placed(text: string, name: string, figures: string): string {
  const [begin, end] = [`<!-- bench ${name}:begin -->`, `<!-- bench ${name}:end -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`the README has no place for ${name}: ${begin} … ${end}`);
  return `${text.slice(0, from)}${begin}\n\n${figures}\n\n${text.slice(to)}`;
}
