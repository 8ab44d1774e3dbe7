import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openWorkshop, type Report, type Workshop } from '../../../support/workshop.ts';

/** Counts its visitors, in its memory alone. */
const server = `
import http.server
visits = 0
class Counter(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        global visits
        visits += 1
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'%d\\n' % visits)
http.server.HTTPServer(('127.0.0.1', 8080), Counter).serve_forever()
`;

/** Each test goes on from the one before it: a story of one repository. */
describe('layer run on virtual machines', { timeout: 900_000 }, () => {
  let workshop: Workshop;
  beforeAll(() => {
    workshop = openWorkshop();
    workshop.put({
      Layerfile: [
        'FROM vm/debian:12',
        'LABEL display_name=counter',
        'COPY server /server',
        'RUN BACKGROUND python3 /server/server.py',
        'RUN curl -sf --retry 60 --retry-connrefused --retry-delay 1 localhost:8080',
        'COPY tests /tests',
        'RUN sh /tests/visit.sh',
        '',
      ].join('\n'),
      'copies/Layerfile': 'FROM ..\nLABEL display_name=copies\nSPLIT 2\nRUN echo "copy $SPLIT"; sh /tests/visit.sh\n',
      'server/server.py': server,
      'tests/visit.sh': 'curl -sf localhost:8080\n',
      notes: 'nobody reads this\n',
    });
  });
  afterAll(() => workshop?.[Symbol.dispose]());

  const run = (): Promise<Report> => workshop.run({ args: ['--driver=vm'], jobs: 1 });
  const ran = (report: Report, runner: string): readonly string[] =>
    report.runners.get(runner)?.ran.map(({ title, reason }) => `${title}: ${reason}`) ?? [];
  const printed = (report: Report, runner: string): string | undefined =>
    report.runners.get(runner)?.ran.at(-1)?.output;

  it('forks a running server: each copy counts on by itself', async () => {
    const report = await run();
    expect(report.outcome, report.stderr).toBe('passed');
    expect(printed(report, 'counter')).toBe('2\n');
    expect(printed(report, 'copies')).toBe('copy 0\n3\n');
    expect(printed(report, 'copies-2')).toBe('copy 1\n3\n');
  });

  it('runs nothing where nothing that was seen has changed', async () => {
    workshop.put({ notes: 'another text\n', 'tests/unused': 'x\n' });
    const report = await run();
    expect(report.outcome, report.stderr).toBe('passed');
    for (const id of ['counter', 'copies', 'copies-2']) expect(ran(report, id)).toEqual([]);
  });

  it('goes on with the server as it was before the step that must run again', async () => {
    workshop.put({ 'tests/visit.sh': 'echo edited; curl -sf localhost:8080\n' });
    const report = await run();
    expect(report.outcome, report.stderr).toBe('passed');
    expect(ran(report, 'counter')).toEqual(['RUN sh /tests/visit.sh: tests/visit.sh changed']);
    expect(printed(report, 'counter')).toBe('edited\n2\n');
    expect(printed(report, 'copies-2')).toBe('copy 1\nedited\n3\n');
    expect(report.notes.filter((note) => note.includes('starting again'))).toEqual([]);
  });

  it('has it run its own program as it is now, where that has changed', async () => {
    workshop.put({ 'server/server.py': server.replace('visits = 0', 'visits = 100') });
    const report = await run();
    expect(report.outcome, report.stderr).toBe('passed');
    // The step in which the process read it: the one that started it, or where that was slow the next.
    expect(ran(report, 'counter')[0]).toMatch(/: server\/server\.py changed$/);
    expect(printed(report, 'counter')).toBe('edited\n102\n');
  });
});
