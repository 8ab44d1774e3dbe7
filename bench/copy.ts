// What a COPY of a gigabyte costs. As root: node bench/copy.ts [rounds]
import { type Event, least, openBench, settle } from './layer.ts';
import { table } from './table.ts';

const rounds = Number(process.argv[2] ?? 5);
using bench = await openBench('copy');
const repository = bench.repository('gigabyte', gigabyte());
settle();
const first = bench.events(repository);
const again = Array.from({ length: rounds }, () => bench.events(repository, '--no-cache'));
const rows = [
  ['the run, with every file to be hashed', least([total(first)])],
  ['the run, with hashes known', least(again.map(total))],
  ['of it, the first COPY of the machine', least(again.map((one) => copyTo(one, '.')))],
  ['of it, a further COPY', least(again.map((one) => copyTo(one, '/again')))],
];
console.log(table(`COPY of 1 GB in 1,024 files: the least of ${rounds}`, ['', ''], rows));

function* gigabyte(): Iterable<readonly [string, string | Uint8Array]> {
  const piece = Buffer.alloc(1 << 20);
  for (let file = 0; file < 1024; file += 1) {
    piece.writeUInt32LE(file);
    yield [`data/${file % 32}/${file}.bin`, piece];
  }
  yield ['Layerfile', 'FROM vm/debian:12\nCOPY . .\nCOPY . /again\nRUN ls | wc -l\n'];
}

function copyTo(all: readonly Event[], destination: string): number {
  const copy = all.find((one) => one.kind === 'stepEnded' && one.step?.title === `COPY . ${destination}`);
  if (copy === undefined) throw new Error('no COPY ran');
  return copy.durationMs;
}

function total(all: readonly Event[]): number {
  return all.at(-1)?.durationMs ?? Number.NaN;
}
