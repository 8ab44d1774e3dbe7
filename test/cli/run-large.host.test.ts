import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { debianBase, testBases } from '../support/base-machine.ts';
import { layerProgram } from '../support/layer-program.ts';
import { checkout } from '../support/layer-run.ts';

beforeAll(async () => void (await debianBase()));

test('a gigabyte of output needs little memory, and the report has its end', async () => {
  const { repo, store, here } = checkout({
    Layerfile:
      'FROM vm/debian:12\nRUN yes "$(printf %0500d 0)" | head -c 1000000000; echo; echo the last line; exit 3\n',
  });
  const child = spawn(process.execPath, [layerProgram(), 'run', '--progress', 'quiet'], {
    cwd: repo,
    env: { PATH: process.env['PATH'], HOME: here, LAYER_STORE: store, LAYER_BASES: testBases, LAYER_DRIVER: 'sandbox' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  let highestMb = 0;
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const watch = setInterval(() => {
    const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1];
    highestMb = Math.max(highestMb, Number(peak ?? 0) / 1024);
  }, 100);
  child.once('exit', () => clearInterval(watch));
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect({ code, said }).toEqual({ code: 1, said: expect.stringContaining('│ the last line\n') });
  expect(said.length).toBeLessThan(100_000);
  expect(highestMb).toBeGreaterThan(30);
  expect(highestMb).toBeLessThan(400);
});

test('a directory of 100,000 entries is copied, listed, and skipped', () => {
  const { repo, layer } = checkout({ Layerfile: 'FROM vm/debian:12\nCOPY . .\nRUN ls many | wc -l\n' });
  mkdirSync(join(repo, 'many'));
  for (let file = 0; file < 100_000; file += 1) writeFileSync(join(repo, 'many', `file-${file}`), '');
  expect(layer(['run'])).toEqual({ code: 0, said: expect.stringContaining('│ 100000\n') });
  expect(layer(['run'])).toEqual({ code: 0, said: expect.stringContaining('skipped 2 of 2 steps') });
  writeFileSync(join(repo, 'many/one-more'), '');
  const again = layer(['run']);
  expect(again).toEqual({ code: 0, said: expect.stringContaining('│ 100001\n') });
  expect(again.said).toContain('rerun: many/ (listing) changed');
});
