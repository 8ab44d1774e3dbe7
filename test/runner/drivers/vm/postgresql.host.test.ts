import { cpSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openWorkshop, type Report, type Workshop } from '../../../support/workshop.ts';

const fixture = fileURLToPath(new URL('../../../../fixtures/postgresql', import.meta.url));

/**
 * Each test goes on from the one before it: a story of one repository. It installs a database from Debian's archive, which takes many minutes where
 * processors are emulated: only where asked for, with LAYER_TEST_POSTGRESQL=1. What is particular about it, run.host.test.ts has in small.
 */
describe.runIf(process.env['LAYER_TEST_POSTGRESQL'] === '1')('a database', { timeout: 1_200_000 }, () => {
  let workshop: Workshop;
  beforeAll(() => {
    workshop = openWorkshop();
    cpSync(fixture, workshop.repository, { recursive: true });
  });
  afterAll(() => workshop?.[Symbol.dispose]());

  const run = (): Promise<Report> => workshop.run({ args: ['--driver=vm'], jobs: 1 });
  const ran = (report: Report, runner: string): readonly string[] =>
    report.runners.get(runner)?.ran.map(({ title, reason }) => `${title}: ${reason}`) ?? [];

  it('is installed, started, filled and tested, and each copy of it has rows of its own', async () => {
    const report = await run();
    expect(report.outcome, report.stderr).toBe('passed');
    expect(report.runners.get('database')?.ran.at(-1)?.output).toBe('1000 pictures\n');
    for (const [at, id] of ['copies', 'copies-2', 'copies-3'].entries()) {
      expect(report.runners.get(id)?.ran.at(-1)?.output).toBe(`1000 pictures\ncopy ${at}\n`);
    }
  });

  it('is not touched where nothing that it saw has changed', async () => {
    workshop.put({ 'README.md': 'another text\n', 'database/notes': 'nobody reads this\n' });
    const report = await run();
    expect(report.outcome).toBe('passed');
    for (const id of ['database', 'copies', 'copies-2', 'copies-3']) expect(ran(report, id)).toEqual([]);
  });

  it('goes on running where a test has changed, and the test alone runs again', async () => {
    workshop.put({
      'tests/own-row.sh': { executable: '#!/bin/bash\n/tests/rows.sh && echo "copy $SPLIT sees them"\n' },
    });
    const report = await run();
    expect(report.outcome, report.stderr).toBe('passed');
    expect(ran(report, 'database')).toEqual([]);
    for (const [at, id] of ['copies', 'copies-2', 'copies-3'].entries()) {
      expect(ran(report, id)).toEqual(['RUN /tests/own-row.sh: tests/own-row.sh changed']);
      expect(report.runners.get(id)?.ran.at(-1)?.output).toBe(`1000 pictures\ncopy ${at} sees them\n`);
    }
  });

  it('goes on from where it was filled where the first test has changed', async () => {
    workshop.put({
      'tests/rows.sh': {
        executable: `#!/bin/bash\ncd /\nsetpriv --reuid=postgres --regid=postgres --init-groups psql -At -c 'select count(*), bool_and(at = pg_postmaster_start_time()) from pictures, started'\n`,
      },
    });
    const report = await run();
    expect(report.outcome, report.stderr).toBe('passed');
    expect(ran(report, 'database')).toEqual(['RUN /tests/rows.sh: tests/rows.sh changed']);
    expect(report.runners.get('database')?.ran.at(-1)?.output).toBe('1000|t\n');
    expect(report.notes.filter((note) => note.includes('starting again'))).toEqual([]);
  });
});
