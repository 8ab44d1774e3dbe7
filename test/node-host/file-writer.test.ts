import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, lstatSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fileWriter } from '../../src/node-host/file-writer.ts';
import { scratch } from '../support/scratch.ts';

describe('write', () => {
  test('makes a file, and replaces one without changing its mode', async () => {
    const root = scratch({ old: 'old' });
    chmodSync(join(root, 'old'), 0o751);
    await fileWriter.write(join(root, 'old'), 'new');
    await fileWriter.write(join(root, 'made'), 'made');
    expect(readFileSync(join(root, 'old'), 'utf8')).toBe('new');
    expect(statSync(join(root, 'old')).mode & 0o777).toBe(0o751);
    expect(readFileSync(join(root, 'made'), 'utf8')).toBe('made');
    expect(readdirSync(root).sort()).toEqual(['made', 'old']);
  });

  test('makes the directories that are missing', async () => {
    const root = scratch();
    await fileWriter.write(join(root, 'a/b/made'), 'made');
    expect(readFileSync(join(root, 'a/b/made'), 'utf8')).toBe('made');
  });

  test('writes what a link leads to', async () => {
    const root = scratch({ 'a/real': 'old', link: { link: 'a/real' } });
    await fileWriter.write(join(root, 'link'), 'new');
    expect(lstatSync(join(root, 'link')).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(root, 'a/real'), 'utf8')).toBe('new');
  });

  test('writes into what is no file, and leaves it what it is', async () => {
    const root = scratch();
    const pipe = join(root, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const reader = spawn('cat', [pipe], { stdio: ['ignore', 'pipe', 'ignore'] });
    const read = reader.stdout.setEncoding('utf8').reduce((all: string, piece: string) => all + piece, '');
    await fileWriter.write(pipe, 'through a pipe');
    expect(await read).toBe('through a pipe');
    expect(lstatSync(pipe).isFIFO()).toBe(true);
    expect(readdirSync(root)).toEqual(['pipe']);
  });

  test('ends where no directory can be made', async () => {
    await expect(fileWriter.write('/proc/nowhere/at/all', 'new')).rejects.toThrow('ENOENT');
  });

  test('leaves nothing behind where it fails', async () => {
    const root = scratch({ 'directory/x': '' });
    await expect(fileWriter.write(join(root, 'directory'), 'new')).rejects.toThrow();
    expect(readdirSync(root)).toEqual(['directory']);
    expect(existsSync(join(root, 'directory/x'))).toBe(true);
  });
});
