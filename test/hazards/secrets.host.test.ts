import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { driverAsked, openWorkshop } from '../support/workshop.ts';

const driver = driverAsked();
const canary = 'canary-7f3e91c4';
const pin = '4711';

/** Every form in which what is kept or said could give the secret away. */
const forms: readonly Buffer[] = [
  canary,
  Buffer.from(canary).toString('base64').slice(0, 18),
  Buffer.from(`user:${canary}`).toString('base64').slice(8, 24),
  Buffer.from(canary).toString('hex'),
  canary.split('').toReversed().join(''),
  canary.slice(2, 13),
].map((one) => Buffer.from(one));

function filesBelow(directory: string): readonly string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true }).flatMap((entry) =>
    entry.isFile() ? [join(entry.parentPath, entry.name)] : [],
  );
}

function holding(directory: string, what: readonly Buffer[]): readonly string[] {
  return filesBelow(directory).filter((path) => {
    const bytes = readFileSync(path);
    return what.some((one) => bytes.includes(one));
  });
}

const layerfile = (...more: readonly string[]): string =>
  [
    'FROM vm/debian:12',
    'COPY f /w/f',
    'SECRET ENV TOKEN PIN',
    'ENV HEADER="Bearer $TOKEN"',
    'ENV BASIC=$(printf "user:%s" "$TOKEN" | base64) PART=${TOKEN:2:11} HEX=$(printf %s "$TOKEN" | od -An -tx1 | tr -d " \\n")',
    'ENV CODE=$(printenv PIN) TURNED=$(rev <<< "$TOKEN") AGAIN=$BASIC',
    'ENV PLAIN=$(cat /w/f)',
    'BUILD ENV HEADER BASIC',
    'RUN echo "$TOKEN $BASIC $HEADER"; cat /w/f; printf "%s\\n" "$HEADER" "$BASIC" "$PART" "$HEX" "$CODE" "$TURNED" "$AGAIN" | md5sum',
    ...more,
    '',
  ].join('\n');

it('S10 S13 no secret is in what a store keeps or a run says, in whatever form ENV made of it', async () => {
  using workshop = openWorkshop(undefined, driver);
  const options = { args: ['--secret=TOKEN', '--secret=PIN'], env: { TOKEN: canary, PIN: pin } };
  workshop.put({ 'x/Layerfile': layerfile(), 'x/f': 'one\n' });
  const first = await workshop.run(options);
  expect(first.runners.get('x')?.outcome, first.stderr).toBe('succeeded');
  const sums = /[0-9a-f]{32}/.exec(first.runners.get('x')?.ran.at(-1)?.output ?? '');
  expect(sums).not.toBeNull();
  workshop.put({ 'x/f': 'two\n' });
  const second = await workshop.run(options);
  // What the environment of the first run holds comes back whole.
  expect(second.runners.get('x')?.ran.at(-1)?.output).toContain(sums?.[0]);
  expect(holding(workshop.store, forms)).toEqual([]);
  expect(holding(workshop.store, [Buffer.from(`"${pin}"`)])).toEqual([]);
  const said = JSON.stringify([[...first.runners], [...second.runners], first.notes, second.notes]);
  expect(forms.filter((one) => said.includes(one.toString()))).toEqual([]);
  expect((await workshop.run(options)).runners.get('x')?.ran).toEqual([]);
});

it('S10 a secret that would stand in a path, a name or a destination is refused, and said nowhere', async () => {
  using workshop = openWorkshop(undefined, driver);
  const steps = ['WORKDIR /srv/$TOKEN', 'COPY f /srv/$HEADER/', 'USER $PART', 'CACHE /c/$TOKEN', 'SETUP FILE $BASIC'];
  for (const [index, step] of steps.entries())
    workshop.put({ [`x${index}/Layerfile`]: layerfile(step), [`x${index}/f`]: 'one\n' });
  const { status, runners } = await workshop.run({
    args: ['--secret=TOKEN', '--secret=PIN'],
    env: { TOKEN: canary, PIN: pin },
  });
  expect(status).toBe(1);
  const failures = steps.map((_, index) => runners.get(`x${index}`)?.ran.at(-1)?.failure);
  expect(failures.map((why) => /^the secret \$(\w+) would be written down here/.exec(why ?? '')?.[1])).toEqual([
    'TOKEN',
    'HEADER',
    'PART',
    'TOKEN',
    'BASIC',
  ]);
  expect(holding(workshop.store, forms)).toEqual([]);
});
