// What `layer run` costs where nothing has changed, Node's own start included. As root: node bench/run.ts [rounds]
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { least, openBench, settle, smallFiles, times } from './layer.ts';
import { table } from './table.ts';

const rounds = Number(process.argv[2] ?? 9);
using bench = await openBench('run');
const bare = times(rounds, () => spawnSync(process.execPath, ['-e', '0']));
const rows = [['`node -e 0`, for comparison', least(bare), '']];
for (const count of [2000, 10_000, 100_000]) {
  const unchanged = (name: string, command: string): string => {
    const repository = bench.repository(`${name}-${count}`, smallFiles(count));
    writeFileSync(join(repository, 'Layerfile'), `FROM vm/debian:12\nCOPY . .\nRUN ${command}\n`);
    settle();
    // It runs; then what it saw is checked one by one; from then on what the check saw is looked at again.
    for (let before = 0; before < 2; before += 1) bench.run(repository);
    return least(Array.from({ length: rounds }, () => bench.run(repository)));
  };
  const all = unchanged('all', 'find src -type f | xargs cat | md5sum');
  rows.push([`${count.toLocaleString('en')} files`, all, unchanged('few', 'ls src | wc -l')]);
}
console.log(
  table(`\`layer run\`, nothing changed: the least of ${rounds}`, ['', 'steps read all files', 'steps read few'], rows),
);
