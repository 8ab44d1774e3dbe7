import { expect, it } from 'vitest';
import { openWorkshop, type Workshop } from '../support/workshop.ts';

/** Megabytes that the store takes. */
async function taken(workshop: Workshop): Promise<number> {
  const { stdout } = await workshop.layer(['du', '--json']);
  return (JSON.parse(stdout) as { readonly totalBytes: number }).totalBytes / 2 ** 20;
}

const layerfile = [
  'FROM vm/debian:12',
  'COPY a /w/a',
  'COPY b /w/b',
  'RUN cat /w/a > /a; head -c 3000000 /dev/urandom > /big',
  'RUN cat /a /w/b; head -c 3000000 /dev/urandom > /bigger',
  '',
].join('\n');

it('a run that makes the store larger than its limit lets the cheapest go, and what comes after is right', async () => {
  using workshop = openWorkshop();
  const env = { LAYER_STORE_LIMIT: '20M' };
  workshop.put({ 'x/Layerfile': layerfile, 'x/a': 'a0\n', 'x/b': 'b0\n' });
  let said = '';
  for (let edit = 1; edit <= 6; edit++) {
    workshop.put({ 'x/a': `a${edit}\n` });
    const { runners, stderr, notes } = await workshop.run({ env });
    expect(runners.get('x')?.ran.at(-1)?.output, stderr).toBe(`a${edit}\nb0\n`);
    said += notes.join('\n');
    expect(await taken(workshop)).toBeLessThan(20);
  }
  expect(said).toMatch(/the store is over its limit of 20 MB: removed \d snapshots/);
  // The newest are those that stay.
  expect((await workshop.run({ env })).runners.get('x')?.ran).toEqual([]);
  workshop.put({ 'x/b': 'b1\n' });
  const after = (await workshop.run({ env })).runners.get('x');
  expect(after?.ran.map(({ title, output }) => [title.slice(0, 7), output])).toEqual([['RUN cat', 'a6\nb1\n']]);
  // Of an older value the row is still known, and its snapshot is not: what reruns starts further up.
  workshop.put({ 'x/a': 'a1\n' });
  const older = (await workshop.run({ env })).runners.get('x');
  expect(older?.ran.at(-1)?.output).toBe('a1\nb1\n');
});

it('a limit is kept that layer prune --limit has set, a variable goes before it, and none is none', async () => {
  using workshop = openWorkshop();
  workshop.put({ 'x/Layerfile': layerfile, 'x/a': 'a\n', 'x/b': 'b\n' });
  expect((await workshop.layer(['prune', '--limit', 'lots'])).stderr).toContain('--limit wants a size');
  expect((await workshop.layer(['prune', '--limit', '1M'])).status).toBe(0);
  expect(JSON.parse((await workshop.layer(['du', '--json'])).stdout)).toMatchObject({ limit: 2 ** 20 });
  expect((await workshop.run({ env: { LAYER_STORE_LIMIT: 'none' } })).notes).toEqual([]);
  expect(await taken(workshop)).toBeGreaterThan(5);
  workshop.put({ 'x/b': 'other\n' });
  const { notes } = await workshop.run();
  expect(notes.join()).toContain('the store is over its limit of 1.0 MB');
  expect(await taken(workshop)).toBeLessThan(1);
  expect((await workshop.run({ env: { LAYER_STORE_LIMIT: 'x' } })).notes).toEqual([]);
  workshop.put({ 'x/b': 'yet another\n' });
  expect((await workshop.run({ env: { LAYER_STORE_LIMIT: 'x' } })).notes).toEqual([
    'LAYER_STORE_LIMIT wants a size such as 20G, or none; it has "x"',
  ]);
  expect((await workshop.layer(['prune', '--limit', 'none'])).status).toBe(0);
  expect(JSON.parse((await workshop.layer(['du', '--json'])).stdout)).toMatchObject({ limit: 'none' });
});

it('what another run uses is there until it has ended', async () => {
  using workshop = openWorkshop();
  const waits =
    'RUN cat /w/a; until [ -e /w/go ] || [ -e /tmp/go ]; do sleep 0.1; [ $SECONDS -lt 5 ] || touch /tmp/go; done; ls -l /big | cut -d" " -f5';
  const text = (last: string): string =>
    `FROM vm/debian:12\nRUN head -c 3000000 /dev/urandom > /big\nCOPY a /w/a\n${last}\n`;
  workshop.put({ 'x/Layerfile': text(waits), 'x/a': 'one\n', 'y/Layerfile': text('RUN cat /w/a'), 'y/a': 'y\n' });
  expect((await workshop.run()).outcome).toBe('passed');
  workshop.put({ 'x/a': 'two\n' });
  const slow = workshop.start({ args: ['x'] });
  workshop.put({ 'y/a': 'z\n' });
  const fast = await workshop.run({ args: ['y'], env: { LAYER_STORE_LIMIT: '100K' } });
  expect(fast.outcome).toBe('passed');
  const { runners } = await slow.report;
  expect(runners.get('x')?.ran.at(-1)?.output).toBe('two\n3000000\n');
  const next = await workshop.run();
  expect(next.outcome).toBe('passed');
});
