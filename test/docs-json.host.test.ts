import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openWorkshop, type Workshop } from './support/workshop.ts';

const page = readFileSync(fileURLToPath(new URL('../docs/json.md', import.meta.url)), 'utf8');

/** What the story below does not come to, and where it is seen instead. */
const elsewhere = [
  'machineHibernated', // test/runner/drivers/vm
  'machineWoken',
  'serving', // test/cli/run.host.test.ts
  'note', // test/runner/masked-events.test.ts
  'baseProgress', // a base machine is there already
  'layer pull', // test/cli/pull.host.test.ts
  'layer doctor elevation[]', // it is root already
  'layer prune left[]', // nobody else uses the store
];

const stepFields = fieldsBelow('A step');
const runnerFields = fieldsBelow('A runner');

/** The fields that the page tells of below a heading. */
function fieldsBelow(heading: string): readonly string[] {
  const [, section = ''] = page.split(new RegExp(`^#+ \`?${heading}\`?$`, 'm'));
  const [table = ''] = section.split(/^#/m);
  return [...table.matchAll(/^\| `([^`]+)` +\|/gm)].map(([, field = '']) => field);
}

type Fields = ReadonlyMap<string, unknown>;

/** Each field's path with its last value; steps and runners are looked at here, and count as one. */
function fieldsOf(value: unknown, path = ''): Fields {
  if (Array.isArray(value)) return new Map(value.flatMap((one) => [...fieldsOf(one, `${path}[]`)]));
  if (value === null || typeof value !== 'object') return new Map([[path, value]]);
  const keys = Object.keys(value);
  const below = keys.flatMap((key) => [
    ...fieldsOf((value as Record<string, unknown>)[key], path === '' ? key : `${path}.${key}`),
  ]);
  if (/(^|\.)(step|first)$/.test(path)) {
    const own = keys.filter((key) => path !== 'first' || key !== 'reason');
    expect([...stepFields.slice(0, -1), ...own]).toEqual(expect.arrayContaining(own));
    expect(own).toEqual(expect.arrayContaining(stepFields.slice(0, -1)));
    return new Map([[path, value], ...below.filter(([one]) => one === 'first.reason')]);
  }
  if (path === 'runner') {
    expect(keys.toSorted()).toEqual(runnerFields.toSorted());
    return new Map([[path, value]]);
  }
  return new Map(below);
}

async function json(workshop: Workshop, ...args: readonly string[]): Promise<Fields> {
  const { stdout, stderr } = await workshop.layer([...args, '--json']);
  expect(stdout, stderr).not.toBe('');
  return fieldsOf(JSON.parse(stdout));
}

test('what commands print for programs is what the page says, field by field', async () => {
  using workshop = openWorkshop();
  const seen = new Map<string, Set<string>>();
  const note = (where: string, fields: Fields): void => {
    const all = seen.get(where) ?? new Set();
    for (const path of fields.keys()) all.add(path);
    seen.set(where, all);
  };
  const run = async (...args: readonly string[]): Promise<void> => {
    const { stdout, stderr } = await workshop.layer(['run', '--keep-going', '--env=GIT_BRANCH=x', ...args, '--json'], {
      env: { LAYER_SNAPSHOT_AFTER: '0' },
    });
    expect(stdout, stderr).not.toBe('');
    for (const line of stdout.trim().split('\n')) {
      const { kind, ...event } = JSON.parse(line) as { readonly kind: string };
      note(kind, fieldsOf(event));
    }
  };
  const ask = async (...args: readonly string[]): Promise<void> =>
    note(`layer ${args[0]}`, await json(workshop, ...args));

  const from = 'FROM vm/debian:12\n';
  workshop.put({
    Layerfile: `${from}COPY . /w\nRUN date +%N > /made; cat /w/a\nCACHE /c\nSPLIT 2\nRUN cat /w/b\n`,
    'up/Layerfile': `${from}RUN BACKGROUND exec python3 -m http.server 8000\nEXPOSE WEBSITE localhost:8000\nCOPY /a /w/\nRUN cat /w/a\nRUN sleep 60 &\n`,
    'fails/Layerfile': `${from}RUN echo no; exit 3\n`,
    'button/Layerfile': `${from}RUN true\nWAIT ../rest\nRUN true\nBUTTON go on?\nRUN true\n`,
    'rest/Layerfile': `${from}RUN cat /proc/self/mountinfo | wc -c; sleep 0.2\nSKIP REMAINING IF GIT_BRANCH=x\nRUN false\n`,
    ...{ a: '1\n', b: '2\n' },
  });
  await run();
  await run('--press=go on?', '--no-cache');
  await ask('plan');
  await ask('check');
  await ask('verify', 'Layerfile:3');
  await ask('verify', 'up:5');
  for (const place of ['Layerfile:2', 'Layerfile:6']) await ask('reads', place);
  workshop.put({ a: '3\n' });
  for (const place of ['Layerfile:3', 'Layerfile:6']) await ask('why', place);
  workshop.put({ 'fails/Layerfile': `${from}RUN echo yes\n` });
  await run();
  workshop.put({ 'fails/Layerfile': `${from}RUN echo yes again\n` });
  await ask('why', 'fails:1');
  await ask('affected', 'a', 'Layerfile');
  await ask('pin', 'Layerfile:3', 'mine');
  await ask('du');
  await ask('prune', '--keep=1K');
  await ask('unpin', 'mine');
  await ask('doctor');

  const headings = [...page.matchAll(/^#+ `(.*)`$/gm)].map(([, heading = '']) => heading);
  for (const heading of headings.filter((one) => one !== 'layer run')) {
    const said = fieldsBelow(heading).filter((field) => field !== '');
    const printed = [...(seen.get(heading) ?? [])];
    // What is null or empty this time may stand for what is more another time.
    const unsaid = printed.filter((path) => !said.some((field) => field === path || isWithin(field, path)));
    expect.soft(unsaid, `${heading}: not on the page`).toEqual([]);
    const unseen = said.filter((field) => !printed.some((path) => path === field || path === `${field}[]`));
    const known = (field: string): boolean => [heading, `${heading} ${field}`].some((one) => elsewhere.includes(one));
    expect
      .soft(
        unseen.filter((field) => !known(field)),
        `${heading}: on the page, and never printed`,
      )
      .toEqual([]);
  }
  expect(headings).toEqual(expect.arrayContaining([...seen.keys()]));
});

function isWithin(field: string, path: string): boolean {
  return field.startsWith(`${path}.`) || field.startsWith(`${path}[]`);
}
