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

  it('keeps the machine in which a step has failed, and lets a person in', async () => {
    workshop.put({ 'tests/visit.sh': 'touch /root/left; curl -sf localhost:8080; exit 3\n' });
    const report = await run();
    expect(report.outcome, report.stderr).toBe('failed');
    const shell = (name: string) =>
      workshop.layer(['shell', '--driver=vm', name, '--', 'ls /root/left; curl -sf localhost:8080']);
    const entered = await shell('Layerfile:7');
    expect(entered).toMatchObject({ status: 0, stdout: '/root/left\n103\n' });
    expect(entered.stderr).toContain('left it when it failed');
    // What is done there is thrown away.
    const kept = report.runners.get('counter')?.ran.at(-1)?.kept ?? '';
    expect(await shell(kept.slice(0, 8))).toMatchObject({ status: 0, stdout: '/root/left\n103\n' });
    workshop.put({ 'tests/visit.sh': 'ls /root/left; curl -sf localhost:8080\n' });
    const retried = await workshop.layer(['retry', '--driver=vm', '--progress=plain']);
    expect(retried, retried.stderr).toMatchObject({ status: 0 });
    // From before it failed.
    expect(retried.stdout).toContain("RUN sh /tests/visit.sh │ ls: cannot access '/root/left'");
    expect(retried.stdout).toContain('RUN sh /tests/visit.sh │ 102\n');
  });

  it('hibernates a machine that waits for a person, and wakes it where it stood', async () => {
    workshop.put({
      'copies/Layerfile': null,
      'gate/Layerfile': 'FROM ..\nRUN true\nBUTTON go\nRUN curl -sf localhost:8080\n',
    });
    const pressed = await workshop.layer(['run', '--driver=vm', '--json', '--press=go', 'gate']);
    expect(pressed, pressed.stderr).toMatchObject({ status: 0 });
    const events = pressed.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const kinds = events.map(({ kind }) => kind);
    expect(kinds.filter((kind) => /^machine(Hib|Wok)/.test(kind))).toEqual(['machineHibernated', 'machineWoken']);
    expect(kinds.indexOf('pressed')).toBeLessThan(kinds.indexOf('machineWoken'));
    for (const { kind, durationMs } of events)
      if (/^machine(Hib|Wok)/.test(kind)) expect(durationMs).toBeGreaterThan(0);
    expect(events.findLast(({ kind, text }) => kind === 'stepOutput' && /^\d/.test(text))?.text).toBe('103\n');
  });
});
