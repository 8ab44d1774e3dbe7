import { describe, expect, test } from 'vitest';
import type { RepoPath } from '../../../src/host.ts';
import { affectedBy } from '../../../src/runner/inspect/affected.ts';
import { keyFacts, readFacts } from '../../../src/runner/inspect/facts.ts';
import type { SurveyedRunner } from '../../../src/runner/inspect/survey.ts';
import { FakeWorld, type RunOptions } from '../support/fake-world.ts';

const files = {
  Layerfile: 'FROM vm/debian:12\nCOPY . /app\nRUN cat /app/one && has /app/.env\nRUN ls /app/src\nRUN cat /app/two\n',
  'web/Layerfile': 'FROM ../Layerfile\nRUN cat /app/web/a\n',
  ...{ one: '1', two: '2', other: '3', 'src/x': 'x', 'web/a': 'a' },
};

const verdicts = (runners: readonly SurveyedRunner[]): readonly string[] =>
  runners.flatMap(({ name, chain, steps }) =>
    steps
      .filter(({ chainStep }) => chainStep.index >= chain.own)
      .map(({ chainStep, verdict }) => {
        const why = verdict.kind === 'run' ? `: ${verdict.reason}` : '';
        return `${name.label} ${chainStep.step.title} ${verdict.kind}${why}`;
      }),
  );

async function looked(world: FakeWorld, options: RunOptions = {}): Promise<readonly string[]> {
  return verdicts(await world.survey(options));
}

describe('a survey', () => {
  test('says what the run after it does, and why', async () => {
    const world = new FakeWorld(files);
    expect((await looked(world))[0]).toBe('Layerfile COPY . /app run: the instruction is new');
    await world.run();
    expect((await looked(world)).every((line) => line.endsWith(' skip'))).toBe(true);
    const edits: Record<string, string | null>[] = [
      { one: 'edited' },
      { '.env': 'appeared' },
      { 'src/y': 'y' },
      { two: null },
      { 'web/a': 'b' },
      { other: 'nobody reads it' },
      { Layerfile: files.Layerfile.replace('ls /app/src', 'ls /app/src && cat /app/one') },
    ];
    for (const edit of edits) {
      const before = world.files;
      world.edit(edit);
      const found = await world.survey();
      const told = verdicts(found);
      const { reasons, skipped } = await world.run({ keepGoing: true });
      const causes = found.flatMap(({ steps, chain, name }) =>
        steps.flatMap(({ verdict, chainStep }) =>
          verdict.kind === 'run' && verdict.because === 'cause' && chainStep.index >= chain.own
            ? [`${name.label} ${chainStep.step.title}: ${verdict.reason}`]
            : [],
        ),
      );
      expect({ edit, causes }).toEqual({ edit, causes: reasons });
      expect({ edit, skips: told.filter((line) => line.endsWith(' skip')).length }).toEqual({
        edit,
        skips: skipped.length,
      });
      world.files = before;
    }
  });

  test('goes on beyond a miss with what the newest results saw', async () => {
    const world = new FakeWorld(files);
    await world.run();
    world.edit({ one: 'edited' });
    const [first] = await world.survey();
    const last = first?.steps.at(-1);
    expect(last).toMatchObject({ holds: false, verdict: { kind: 'run', because: 'follows' } });
    expect(last?.instance?.title).toBe('RUN cat /app/two');
    expect(first?.trail.length).toBe(2);
  });

  test('says that it waits for a press, and that all after it runs', async () => {
    const world = new FakeWorld({ Layerfile: 'FROM vm/debian:12\nRUN write /a b\nBUTTON go\nRUN cat /a\n' });
    await world.run({ press: true });
    expect(await looked(world)).toEqual([
      'Layerfile RUN write /a b skip',
      'Layerfile BUTTON go press',
      'Layerfile RUN cat /a run: it comes after a BUTTON',
    ]);
  });

  test('knows the copies of a SPLIT apart', async () => {
    const world = new FakeWorld({ Layerfile: 'FROM vm/debian:12\nCOPY . /app\nSPLIT 2\nRUN cat /app/one\n', one: '1' });
    await world.run();
    const found = await world.survey();
    const ids = found.map(({ steps }) => steps.at(-1)?.instance?.id);
    expect(new Set(ids).size).toBe(2);
    expect(verdicts(found).filter((line) => line.endsWith(' skip')).length).toBe(4);
  });
});

describe('what a file affects', () => {
  const told = async (file: string, edit: Record<string, string | null> = {}): Promise<readonly string[]> => {
    const world = new FakeWorld(files);
    await world.run();
    world.edit(edit);
    return (await world.survey()).flatMap((runner) => {
      const found = affectedBy(file as RepoPath, runner);
      return found === null ? [] : [`${runner.name.label}: ${found.step.chainStep.step.title} ${found.why}`];
    });
  };

  test.each<[string, string, Record<string, string | null>]>([
    ['one', 'RUN cat /app/one && has /app/.env reads it', {}],
    ['two', 'RUN cat /app/two reads it', {}],
    ['two', 'RUN cat /app/two reads it', { two: 'already edited' }],
    ['two', 'RUN cat /app/two reads it', { two: null }],
    ['.env', 'RUN cat /app/one && has /app/.env looked for it and found nothing', {}],
    ['.env', 'RUN cat /app/one && has /app/.env looked for it and found nothing', { '.env': 'there now' }],
    ['src/new', 'RUN ls /app/src lists its directory', {}],
    ['src/new', 'RUN ls /app/src lists its directory', { 'src/new': 'there now' }],
  ])('%s: %s', async (file, expected, edit) => {
    expect(await told(file, edit)).toEqual([`Layerfile: ${expected}`, `web: ${expected}`]);
  });

  test('nothing, where nobody has looked', async () => {
    expect(await told('other')).toEqual([]);
    expect(await told('src/x', {})).toEqual([]);
    expect(await told('README.md')).toEqual([]);
  });

  test('only the child, where only the child has looked', async () => {
    expect(await told('web/a')).toEqual(['web: RUN cat /app/web/a reads it']);
  });

  test('a directory by what is in it', async () => {
    expect(await told('web')).toEqual(['web: RUN cat /app/web/a reads what is in it']);
    expect(await told('src')).toEqual(['Layerfile: RUN ls /app/src lists it', 'web: RUN ls /app/src lists it']);
  });
});

describe('facts', () => {
  test('say what was seen and what is there now', async () => {
    const world = new FakeWorld(files);
    await world.run();
    world.edit({ one: 'edited', '.env': 'new' });
    const [runner] = await world.survey();
    const step = runner?.steps[1];
    const facts = readFacts(step?.instance?.observations ?? [], step?.after?.views ?? []);
    expect(facts.filter((one) => !one.holds && one.kind !== 'attributes')).toEqual([
      { kind: 'absent', machinePath: '/app/.env', path: '.env', holds: false, was: 'not there', now: 'a file' },
      {
        ...{ kind: 'content', machinePath: '/app/one', path: 'one', holds: false },
        was: expect.stringMatching(/^content [0-9a-f]{10}$/),
        now: expect.stringMatching(/^content [0-9a-f]{10}$/),
      },
    ]);
  });

  test('name the parts of a key that differ from the nearest, and no secret', () => {
    const part = (name: string, value: string) => ({ name, value });
    const now = [part('instruction', 'a'), part('BUILD ENV X', '"=new"'), part('BUILD ENV KEY', '"hmac:12"')];
    const other = { title: 'far', keyParts: [part('instruction', 'b'), part('BUILD ENV X', '"=new"')] };
    const near = {
      title: 'near',
      keyParts: [part('instruction', 'a'), part('BUILD ENV X', 'null'), part('BUILD ENV KEY', '"hmac:34"')],
    };
    expect(keyFacts(now, [other, near])).toEqual({
      nearest: near,
      differs: [
        { name: 'BUILD ENV X', was: 'unset', now: '"new"' },
        { name: 'BUILD ENV KEY', was: 'a secret value', now: 'a secret value' },
      ],
    });
    expect(keyFacts(now, [])).toBeNull();
  });
});
