import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Driver } from '../../src/runner/driver.ts';
import type { Chain } from '../../src/runner/chain.ts';
import { FakeWorld } from './support/fake-world.ts';

/** All that lies in the files of a directory. */
function* readTexts(directory: string): Generator<string> {
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) yield readFileSync(join(entry.parentPath, entry.name), 'latin1');
  }
}

const from = (index: number) => (_chain: Chain) => ({ from: index, reason: 'forced' });

const two = {
  Layerfile: 'FROM vm/debian:12\nCOPY . /app\nRUN cat /app/one\nRUN cat /app/two\n',
  one: '1',
  two: '2',
  other: '3',
};

describe('a step is skipped', () => {
  test('where nothing that it or one before it looked at has changed', async () => {
    const world = new FakeWorld(two);
    expect(await world.run()).toMatchObject({ outcome: 'passed', ran: ['cat /app/one', 'cat /app/two'] });
    expect(await world.run()).toMatchObject({ outcome: 'passed', ran: [], most: 0 });
    world.edit({ other: 'edited', more: 'new' });
    expect(await world.run()).toMatchObject({
      ran: [],
      skipped: ['COPY . /app', 'RUN cat /app/one', 'RUN cat /app/two'],
    });
  });

  test('again after a revert', async () => {
    const world = new FakeWorld(two);
    await world.run();
    world.edit({ two: 'edited' });
    await world.run();
    world.edit({ two: '2' });
    expect(await world.run()).toMatchObject({ ran: [] });
  });

  test('whatever comments, blanks, LABEL, CHECKPOINT and the MEMORY of others say', async () => {
    const world = new FakeWorld(two);
    await world.run();
    world.edit({
      Layerfile:
        '# a comment\nFROM vm/debian:12\n\nLABEL display_name=thing\nCOPY   .   /app\nCHECKPOINT here\nRUN cat /app/one\nCHECKPOINT disabled\nRUN cat /app/two\n',
    });
    expect(await world.run()).toMatchObject({ ran: [] });
  });
});

describe('a step runs again', () => {
  test('and all after it, where one of its reads has changed', async () => {
    const world = new FakeWorld(two);
    await world.run();
    world.edit({ one: 'edited' });
    expect(await world.run()).toMatchObject({
      ran: ['cat /app/one', 'cat /app/two'],
      reasons: ['Layerfile RUN cat /app/one: one changed'],
      skipped: ['COPY . /app'],
    });
    world.edit({ two: null });
    expect(await world.run()).toMatchObject({
      outcome: 'failed',
      reasons: ['Layerfile RUN cat /app/two: two is gone'],
    });
  });

  test.each<[string, Parameters<FakeWorld['run']>[0]]>([
    ['nothing of this repository is kept yet', { repository: 'elsewhere' }],
    ['this is another architecture (arm64, was x64)', { architecture: 'arm64' }],
    ['the base machine changed', { baseDigest: 'sha256:newer' }],
    ['layer keeps its results in another way now', { driver: (driver: Driver) => ({ ...driver, format: 'fake-2' }) }],
  ])('where %s', async (reason, options) => {
    const world = new FakeWorld(two);
    await world.run();
    const { ran, reasons } = await world.run(options);
    expect(ran).toHaveLength(2);
    expect(reasons).toEqual([`Layerfile COPY . /app: ${reason}`]);
    expect((await world.run()).ran).toEqual([]);
  });

  test('and is compared with the result that is most like what is there now, not with the last', async () => {
    const world = new FakeWorld({
      ...two,
      Layerfile: 'FROM vm/debian:12\nCOPY . /app\nRUN cat /app/one && cat /app/two && cat /app/other\n',
    });
    await world.run();
    world.edit({ one: 'of a branch', two: 'of a branch' });
    await world.run();
    world.edit({ one: '1', two: '2', other: 'edited' });
    expect((await world.run()).reasons).toEqual([
      'Layerfile RUN cat /app/one && cat /app/two && cat /app/other: other changed',
    ]);
  });

  test('and is compared with the key that is most like its own, and told all that differs', async () => {
    const Layerfile = 'FROM vm/debian:12\nBUILD ENV GIT_BRANCH GIT_COMMIT\nRUN true\n';
    const world = new FakeWorld({ Layerfile });
    const at = (branch: string, commit: string) =>
      world.run({ variables: { GIT_BRANCH: branch, GIT_COMMIT: commit } }).then(({ reasons }) => reasons);
    await at('main', '1');
    expect(await at('branch', '2')).toEqual([
      'Layerfile RUN true: BUILD ENV GIT_BRANCH changed, BUILD ENV GIT_COMMIT changed',
    ]);
    expect(await at('main', '3')).toEqual(['Layerfile RUN true: BUILD ENV GIT_COMMIT changed']);
  });

  test('with another MEMORY', async () => {
    const world = new FakeWorld(two);
    await world.run();
    world.edit({ Layerfile: two.Layerfile.replace('COPY', 'MEMORY 1G\nCOPY') });
    expect(await world.run()).toMatchObject({
      ran: ['cat /app/one', 'cat /app/two'],
      reasons: ['Layerfile COPY . /app: MEMORY changed'],
    });
  });

  test('where what it observed is no longer copied', async () => {
    const world = new FakeWorld({ ...two, 'web/page': '' });
    await world.run();
    world.edit({ Layerfile: two.Layerfile.replace('COPY . /app', 'COPY one /app/\nCOPY two /app/') });
    expect((await world.run()).ran).toHaveLength(2);
  });

  test('where an absence has ended', async () => {
    const world = new FakeWorld({ ...two, Layerfile: 'FROM vm/debian:12\nCOPY . /app\nRUN has /app/.env.local\n' });
    expect((await world.run()).output).toBe('false\n');
    world.edit({ '.env.local': 'x' });
    expect(await world.run()).toMatchObject({
      output: 'true\n',
      reasons: ['Layerfile RUN has /app/.env.local: .env.local appeared'],
    });
  });
});

describe('nothing is kept', () => {
  test('of a step that failed', async () => {
    const world = new FakeWorld({ Layerfile: 'FROM vm/debian:12\nRUN true\nRUN exit 3\n' });
    expect(await world.run()).toMatchObject({ outcome: 'failed', ran: ['true', 'exit 3'] });
    expect(await world.run()).toMatchObject({ outcome: 'failed', ran: ['exit 3'] });
  });

  test('of a step that failed, and the next run says so', async () => {
    const world = new FakeWorld({ Layerfile: 'FROM vm/debian:12\nRUN true\nRUN exit 3\n' });
    await world.run();
    const failedBefore = [{ file: 'Layerfile', title: 'RUN exit 3' }];
    expect((await world.run({ failedBefore })).reasons).toEqual(['Layerfile RUN exit 3: it failed the last time']);
    expect((await world.run({ failedBefore: [{ file: 'web/Layerfile', title: 'RUN exit 3' }] })).reasons).toEqual([
      'Layerfile RUN exit 3: the instruction is new',
    ]);
  });

  test('of a step whose reads cannot be trusted; it fails', async () => {
    const world = new FakeWorld(two);
    const fault = (command: string) => (command === 'cat /app/one' ? 'one changed while it was being used' : null);
    expect(await world.run({ fault })).toMatchObject({ outcome: 'failed', ran: ['cat /app/one'] });
    expect(await world.run()).toMatchObject({ outcome: 'passed', ran: ['cat /app/one', 'cat /app/two'] });
  });

  test('of a step that may have seen more than is known, and of those after it; they end well', async () => {
    const world = new FakeWorld({ ...two, Layerfile: `${two.Layerfile}RUN cat /app/other\n` });
    const doubt = (command: string) => (command === 'cat /app/two' ? 'it asked for operation 4096' : null);
    const doubtful = await world.run({ doubt });
    expect(doubtful).toMatchObject({ outcome: 'passed', ran: ['cat /app/one', 'cat /app/two', 'cat /app/other'] });
    const notKept = doubtful.events.filter((event) => event.kind === 'stepNotKept');
    expect(notKept).toMatchObject([{ step: { title: 'RUN cat /app/two' }, why: 'it asked for operation 4096' }]);
    expect(await world.run()).toMatchObject({ outcome: 'passed', ran: ['cat /app/two', 'cat /app/other'] });
    expect(await world.run()).toMatchObject({ outcome: 'passed', ran: [] });
  });

  test('of a step that was stopped', async () => {
    const world = new FakeWorld(two);
    const stop = new AbortController();
    const before = (command: string) => {
      if (command === 'cat /app/two') stop.abort();
    };
    expect(await world.run({ before, signal: stop.signal })).toMatchObject({ outcome: 'interrupted' });
    expect(await world.run()).toMatchObject({ outcome: 'passed', ran: ['cat /app/two'] });
  });

  test('where the disk is full, and the run goes on', async () => {
    const world = new FakeWorld(two);
    const full = { stored: false, why: 'the disk is full' } as const;
    const ran = await world.run({ store: (store) => ({ ...store, insert: async () => full }) });
    expect(ran).toMatchObject({ outcome: 'passed', ran: ['cat /app/one', 'cat /app/two'] });
    expect(ran.events.filter((event) => event.kind === 'stepNotKept')).toMatchObject([{ why: 'the disk is full' }]);
    expect((await world.run()).ran).toHaveLength(2);
  });
});

describe('a state that could not be kept', () => {
  const left = { ...two, Layerfile: 'FROM vm/debian:12\nCOPY . /app\nRUN cat /app/one && leave\nRUN cat /app/two\n' };

  test('does not hinder skipping all of it', async () => {
    const world = new FakeWorld(left);
    await world.run();
    expect(await world.run()).toMatchObject({ ran: [] });
  });

  test('makes its step run again where a later one must run, and says so', async () => {
    const world = new FakeWorld(left);
    await world.run();
    world.edit({ two: 'edited' });
    expect(await world.run()).toMatchObject({
      ran: ['cat /app/one && leave', 'cat /app/two'],
      reasons: [
        'Layerfile RUN cat /app/one && leave: nothing was kept after it: server is still running',
        'Layerfile RUN cat /app/two: two changed',
      ],
    });
  });
});

describe('what is forced', () => {
  const Layerfile = 'FROM vm/debian:12\nRUN write /made 1\nRUN cat /made\nRUN true\n';

  test('runs from there on', async () => {
    const world = new FakeWorld({ Layerfile });
    await world.run();
    expect(await world.run({ forced: from(1) })).toMatchObject({
      ran: ['cat /made', 'true'],
      reasons: ['Layerfile RUN cat /made: forced'],
    });
    expect(await world.run()).toMatchObject({ ran: [] });
  });

  test('never comes back after an interruption between it and the next step', async () => {
    const world = new FakeWorld({ Layerfile });
    await world.run();
    const stop = new AbortController();
    const before = (command: string) => {
      if (command === 'cat /made') stop.abort();
    };
    expect(await world.run({ forced: from(0), before, signal: stop.signal })).toMatchObject({ outcome: 'interrupted' });
    expect(await world.run()).toMatchObject({ ran: ['cat /made', 'true'] });
  });
});

describe('variables and secrets', () => {
  const Layerfile = 'FROM vm/debian:12\nRUN show GIT_BRANCH\nBUILD ENV GIT_BRANCH\nRUN show GIT_BRANCH && true\n';

  test('count where BUILD ENV names them; unset is not empty', async () => {
    const world = new FakeWorld({ Layerfile });
    expect((await world.run({ variables: { GIT_BRANCH: 'main' } })).output).toBe('main\nmain\n');
    expect(await world.run({ variables: { GIT_BRANCH: 'other' } })).toMatchObject({
      output: 'other\n',
      reasons: ['Layerfile RUN show GIT_BRANCH && true: BUILD ENV GIT_BRANCH changed'],
    });
    expect((await world.run({ variables: { GIT_BRANCH: '' } })).ran).toHaveLength(1);
    expect(await world.run({ variables: {} })).toMatchObject({
      reasons: ['Layerfile RUN show GIT_BRANCH && true: BUILD ENV GIT_BRANCH is unset now'],
    });
    expect((await world.run({ variables: { GIT_BRANCH: 'main' } })).ran).toEqual([]);
  });

  test('a secret in an argument counts, and no key holds it', async () => {
    const world = new FakeWorld({
      Layerfile: 'FROM vm/debian:12\nCOPY . /app\nSECRET ENV TOKEN\nEXPOSE WEBSITE localhost:80 /as/$TOKEN\n',
    });
    const secrets = { TOKEN: 'a "canary" secret' };
    expect((await world.run({ secrets })).outcome).toBe('passed');
    expect((await world.run({ secrets })).skipped).toHaveLength(2);
    expect((await world.run({ secrets: { TOKEN: 'a rotated one' } })).skipped).toHaveLength(1);
    const kept = [...readTexts(join(world.directory, 'store'))].join();
    expect(kept).toContain('EXPOSE WEBSITE localhost:80 /as/$TOKEN');
    expect(kept).not.toContain('canary');
    expect(kept).not.toContain('rotated');
  });

  test.each([
    'WORKDIR /srv/$TOKEN',
    'COPY f /srv/$TOKEN/',
    'COPY $TOKEN /f',
    'USER $TOKEN',
    'CACHE /c/$TOKEN',
    'SETUP FILE /$TOKEN',
  ])('%s is refused where that is a secret: it would be written down', async (line) => {
    const world = new FakeWorld({
      Layerfile: `FROM vm/debian:12\nSECRET ENV TOKEN\n${line}\n`,
      f: '',
    });
    const ran = await world.run({ secrets: { TOKEN: 'canary' } });
    expect(ran.outcome).toBe('failed');
    expect(JSON.stringify(ran.events)).toContain('would be written down here');
    expect(JSON.stringify(ran.events)).not.toContain('canary');
    expect([...readTexts(join(world.directory, 'store'))].join()).not.toContain('canary');
  });

  test('a missing secret stops the run before a machine starts', async () => {
    const world = new FakeWorld({ Layerfile: 'FROM vm/debian:12\nRUN true\nSECRET ENV TOKEN\nRUN show TOKEN\n' });
    const ran = await world.run();
    expect(ran).toMatchObject({ outcome: 'broken', ran: [], most: 0 });
    expect(ran.events.find((event) => event.kind === 'note')).toMatchObject({ message: 'Layerfile:3: give TOKEN' });
    expect((await world.run({ secrets: { TOKEN: 'a-long-secret' } })).output).toBe('a-long-secret\n');
    expect((await world.run({ secrets: { TOKEN: 'a-rotated-one' } })).ran).toEqual([]);
  });
});

describe('copies of a SPLIT', () => {
  const files = { Layerfile: 'FROM vm/debian:12\nCOPY . /app\nSPLIT UNORDERED 3\nRUN cat /app/one\n', one: '1' };

  test('are never skipped by one another, and all are skipped', async () => {
    const world = new FakeWorld(files);
    expect(await world.run({ jobs: 1 })).toMatchObject({ ran: Array(3).fill('cat /app/one'), most: 1 });
    expect(await world.run()).toMatchObject({
      ran: [],
      skipped: ['COPY . /app', ...Array(3).fill('RUN cat /app/one')],
    });
  });

  test('run at the same time, as many as may', async () => {
    const world = new FakeWorld({ ...files, Layerfile: files.Layerfile.replace('cat /app/one', 'wait 50') });
    expect((await world.run({ jobs: 3 })).most).toBe(3);
  });

  test('have their own machines also where nothing is left of what was kept before it', async () => {
    const before = 'FROM vm/debian:12\nRUN write /a 1\nRUN write /b 2\nSPLIT 2\nRUN wait 3\n';
    const world = new FakeWorld({ Layerfile: before });
    await world.run({ jobs: 1 });
    const layers = readdirSync(join(world.directory, 'store'), { recursive: true, encoding: 'utf8' });
    for (const path of layers.filter((one) => /layers\/\w+$/.test(one)))
      rmSync(join(world.directory, 'store', path), { recursive: true });
    world.edit({ Layerfile: before.replace('wait 3', 'wait 4') });
    const seen: string[] = [];
    const tell = (command: string, hostname: string) => void seen.push(`${hostname}: ${command}`);
    expect(await world.run({ jobs: 2, before: tell })).toMatchObject({ outcome: 'passed' });
    expect(seen.filter((one) => one.endsWith('wait 4')).sort()).toEqual(['machine-1: wait 4', 'machine-2: wait 4']);
    expect(seen.filter((one) => !one.endsWith('wait 4'))).toEqual(['machine: write /a 1', 'machine: write /b 2']);
    expect((await world.run()).ran).toEqual([]);
  });

  test('each have their child', async () => {
    const world = new FakeWorld({ ...files, 'child/Layerfile': 'FROM /Layerfile\nRUN true\n' });
    expect((await world.run()).ran.filter((command) => command === 'true')).toHaveLength(3);
    expect((await world.run()).ran).toEqual([]);
  });
});

describe('a press', () => {
  const Layerfile = 'FROM vm/debian:12\nRUN true\nBUTTON go on?\nRUN wait 0\n';

  test('is needed in every run', async () => {
    const world = new FakeWorld({ Layerfile, 'child/Layerfile': 'FROM /Layerfile\nRUN wait 1\n' });
    expect(await world.run()).toMatchObject({ outcome: 'waiting', ran: ['true'] });
    expect(await world.run({ press: true })).toMatchObject({ outcome: 'passed', ran: ['wait 0', 'wait 1'] });
    expect(await world.run({ press: true })).toMatchObject({ outcome: 'passed', ran: ['wait 0', 'wait 1'] });
    expect(await world.run()).toMatchObject({ outcome: 'waiting', ran: [] });
  });
});

test('a step that ran on a machine with file times, for a child with CACHE, is no result for those without', async () => {
  const files = { Layerfile: 'FROM vm/debian:12\nRUN write /made x\n' };
  const world = new FakeWorld(files);
  await world.run();
  // What was kept of the parent is gone: whoever goes on from there does its step again.
  const layers = readdirSync(join(world.directory, 'store'), { recursive: true, encoding: 'utf8' });
  for (const path of layers.filter((one) => /layers\/\w+$/.test(one)))
    rmSync(join(world.directory, 'store', path), { recursive: true });
  world.edit({ 'c/Layerfile': 'FROM /\nCACHE /kept\nRUN true\n' });
  expect((await world.run()).ran).toEqual(['write /made x', 'true']);
  world.edit({ 'p/Layerfile': 'FROM /\nRUN cat /made\n' });
  expect((await world.run()).ran).toEqual(['write /made x', 'cat /made']);
  expect((await world.run()).ran).toEqual([]);
});
