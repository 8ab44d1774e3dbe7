import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { testBases } from '../support/base-machine.ts';
import { openWorkshop, readReport } from '../support/workshop.ts';
import { lastingLeftovers } from './leftovers.ts';

/** How much room the disk has left when each run starts, in KiB: at other places of a run it is full. */
const rooms = [0, 40, 200, 600, 1200, 2500, 4000];
const written = 3000;

it(
  'a disk that gets full fails the run or keeps less, and the run after it is right',
  { timeout: 300_000 },
  async () => {
    using workshop = openWorkshop();
    const { directory, program } = workshop;
    workshop.put({
      'x/Layerfile': `FROM vm/debian:12\nCOPY . /w\nRUN cat /w/f > /f; head -c ${written}k /dev/urandom > /big && wc -c < /big\nRUN cat /f\n`,
      'x/f': 'start\n',
    });
    mkdirSync(join(directory, 'disk'));
    // The disk is mounted in a namespace that ends with the script, whatever becomes of this test.
    const script = [
      'set -u; cd "$1"; mount -t tmpfs -o size=16m none disk',
      `run() { (cd repo && "${process.execPath}" "${program}" run --json "\${@:2}") > "$1.out" 2> "$1.err"; echo $? > "$1.status"; }`,
      'export LAYER_STORE=$PWD/disk/store; run first',
      ...rooms.flatMap((room) => [
        `echo "with ${room}" > repo/x/f`,
        'free=$(df --output=avail -k disk | tail -1)',
        `head -c $(( free > ${room} ? (free - ${room}) * 1024 : 0 )) /dev/zero > disk/filler`,
        `run full-${room}; rm disk/filler; run after-${room}; run again-${room}`,
        'rm -rf disk/store; run anew',
      ]),
    ].join('\n');
    writeFileSync(join(directory, 'script'), script);
    execFileSync('unshare', ['--mount', '--propagation', 'private', 'bash', join(directory, 'script'), directory], {
      stdio: 'ignore',
      env: {
        PATH: process.env['PATH'],
        HOME: directory,
        LAYER_BASES: testBases,
        LAYER_DRIVER: 'sandbox',
        LAYER_DEBUG: '1',
      },
    });
    const read = (name: string): string => readFileSync(join(directory, name), 'utf8');
    const failures: number[] = [];
    for (const room of rooms) {
      if (read(`full-${room}.status`).trim() !== '0') failures.push(room);
      expect(read(`full-${room}.err`), `with ${room} KiB left`).not.toContain('this is a bug');
      const { runners } = readReport(read(`after-${room}.out`));
      expect(read(`after-${room}.status`).trim(), read(`after-${room}.err`)).toBe('0');
      const runner = runners.get('x');
      const last = runner?.ran.at(-1);
      if (last !== undefined) expect(last.output).toBe(`with ${room}\n`);
      else expect(runner?.skipped.length).toBe(3);
      expect(readReport(read(`again-${room}.out`)).runners.get('x')?.ran).toEqual([]);
    }
    expect(failures).toContain(0);
    expect(await lastingLeftovers(directory)).toEqual([]);
  },
);
