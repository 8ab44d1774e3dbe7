import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { layerIn } from '../../support/fake-host.ts';
import { scratch } from '../../support/scratch.ts';

const layerfile = 'FROM vm/debian:12\nRUN make\n';
const compile = (root: string, ...more: string[]) => layerIn(root, 'compile', '--target', 'earthfile', ...more);

describe('layer compile --target earthfile', () => {
  test('writes an Earthfile that checks, and what lies beside it', async () => {
    const root = scratch({ Layerfile: layerfile });
    expect(await compile(root)).toMatchObject({ code: 0 });
    expect(readFileSync(join(root, 'Earthfile'), 'utf8')).toContain("/layer/sh run 'make'");
    expect(existsSync(join(root, '.earth/build'))).toBe(true);
    expect(await layerIn(root, 'check', 'Earthfile')).toMatchObject({ code: 0, out: '1 Earthfile: nothing wrong\n' });
    expect(await compile(root, '--check')).toMatchObject({ code: 0 });
    writeFileSync(join(root, 'Layerfile'), `${layerfile}RUN test\n`);
    expect(await compile(root, '--check')).toMatchObject({
      code: 2,
      error: expect.stringContaining('Earthfile is stale'),
    });
  });

  test('leaves an Earthfile alone that a person wrote', async () => {
    const root = scratch({ Layerfile: layerfile, Earthfile: 'VERSION 0.8\n' });
    expect(await compile(root)).toMatchObject({
      code: 2,
      error: expect.stringContaining('Earthfile was not written by layer compile'),
    });
    expect(readFileSync(join(root, 'Earthfile'), 'utf8')).toBe('VERSION 0.8\n');
  });

  test('says what is refused, and writes nothing', async () => {
    const root = scratch({ Layerfile: `${layerfile}EXPOSE WEBSITE localhost:80\n` });
    expect(await compile(root)).toMatchObject({
      code: 2,
      error: expect.stringContaining('start it with RUN BACKGROUND'),
    });
    expect(existsSync(join(root, 'Earthfile'))).toBe(false);
  });
});
