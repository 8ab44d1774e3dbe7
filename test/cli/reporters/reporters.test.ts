import { describe, expect, test } from 'vitest';
import { finalReport } from '../../../src/report/final-report.ts';
import { createJsonReporter } from '../../../src/cli/reporters/json.ts';
import { cleanLine, createLines } from '../../../src/report/lines.ts';
import { createLiveRegion, cut } from '../../../src/cli/reporters/live-region.ts';
import { createPlainReporter } from '../../../src/cli/reporters/plain.ts';
import { createQuietReporter } from '../../../src/cli/reporters/quiet.ts';
import type { Reporter } from '../../../src/report/reporter.ts';
import { createSummary } from '../../../src/report/summary.ts';
import { duration } from '../../../src/report/text.ts';
import { createTtyReporter } from '../../../src/cli/reporters/tty.ts';
import type { SourceFile } from '../../../src/diagnostics/source.ts';
import type { Terminal } from '../../../src/host.ts';
import type { LayerId } from '../../../src/ir/ir.ts';
import type { Event, RunnerName, StepName } from '../../../src/runner/events.ts';
import type { InstanceId } from '../../../src/runner/store.ts';

const file: SourceFile = { path: 'web/tests/Layerfile', text: 'FROM vm/debian:12\nRUN make\nRUN ./unittest.sh\n' };
const runner: RunnerName = { layer: 'web-tests' as LayerId, id: 'web-tests', copy: null, label: 'web/tests' };
const step = (index: number, title: string, start: number): StepName => ({
  runner,
  index,
  title,
  span: { file, start, end: start + 3 },
});
const make = step(0, 'RUN make', 18);
const unit = step(1, 'RUN ./unittest.sh', 27);
const bytes = (text: string): Uint8Array => Buffer.from(text);

const story: readonly Event[] = [
  { kind: 'runStarted', layers: [runner.layer], jobs: 2 },
  { kind: 'runnerStarted', runner },
  { kind: 'stepSkipped', step: make, instance: '3f2a55' as InstanceId, reads: 41, savedMs: 252_000 },
  { kind: 'machineStarting', runner, from: '3f2a55' as InstanceId },
  { kind: 'machineReady', runner, durationMs: 90 },
  { kind: 'stepStarted', step: unit, reason: 'web/a.ts changed', because: 'cause' },
  { kind: 'stepOutput', step: unit, chunk: bytes('first li') },
  { kind: 'stepOutput', step: unit, chunk: bytes('ne\nexpected 1, got 2') },
  {
    kind: 'stepFailed',
    step: unit,
    exit: { kind: 'exited', code: 2 },
    why: 'exit code 2',
    tail: 'first line\nexpected 1, got 2',
    kept: null,
  },
  { kind: 'runnerEnded', runner, outcome: { kind: 'failed', why: 'RUN ./unittest.sh: exit code 2' }, durationMs: 1500 },
  { kind: 'runEnded', outcome: 'failed', durationMs: 1600 },
];

interface Paper extends Terminal {
  readonly text: () => string;
  width: number;
}

function paper(): Paper {
  let out = '';
  const one: Paper = {
    isTty: true,
    width: 80,
    get columns() {
      return one.width;
    },
    colour: false,
    out: (text) => void (out += text),
    error: (text) => void (out += text),
    text: () => out,
  };
  return one;
}

function told(create: (terminal: Terminal) => Reporter): string {
  const terminal = paper();
  const reporter = create(terminal);
  for (const event of story) reporter.listen(event);
  reporter.close();
  return terminal.text();
}

const ending = `
web/tests ▸ RUN ./unittest.sh: rerun: web/a.ts changed

failed: web/tests ▸ RUN ./unittest.sh
  │ first line
  │ expected 1, got 2
  exit code 2, at web/tests/Layerfile:3
  look around before it: layer shell web/tests/Layerfile:3
  run it again: layer run web/tests

failed; skipped 1 of 2 steps, saved 4m12s (1.6s)
`;

describe('reporters', () => {
  test('plain: each line says which Layerfile and step it is about', () => {
    expect(told(createPlainReporter)).toBe(`web/tests ▸ RUN make: skipped (3f2a, 41 reads unchanged)
web/tests ▸ RUN ./unittest.sh: rerun: web/a.ts changed
web/tests ▸ RUN ./unittest.sh │ first line
web/tests ▸ RUN ./unittest.sh │ expected 1, got 2
web/tests ▸ RUN ./unittest.sh: failed: exit code 2
${ending}`);
  });

  test('quiet: the end', () => {
    expect(told(createQuietReporter)).toBe(ending);
  });

  test('json: an object a line', () => {
    const lines = told(createJsonReporter).trimEnd().split('\n');
    const objects = lines.map((line) => JSON.parse(line) as { kind: string });
    expect(objects.map((one) => one.kind)).toEqual(story.map((one) => one.kind));
    expect(objects.at(-1)).toEqual({
      kind: 'runEnded',
      outcome: 'failed',
      durationMs: 1600,
      skipped: 1,
      total: 2,
      savedMs: 252_000,
      reruns: [
        {
          step: {
            runner: 'web-tests',
            index: 1,
            title: 'RUN ./unittest.sh',
            file: 'web/tests/Layerfile',
            line: 3,
            column: 1,
          },
          reason: 'web/a.ts changed',
        },
      ],
    });
  });

  test('tty: what is over stays, what runs is drawn over, and the end is the same', () => {
    const text = told((terminal) => createTtyReporter(terminal, { now: () => 0 }));
    expect(screen(text)).toBe(`✗ web/tests ▸ RUN ./unittest.sh  exit code 2
✗ web/tests  failed  1.5s
${ending}`);
    expect(text).toContain('▸ RUN ./unittest.sh\n          rerun: web/a.ts changed');
  });
});

/** What a terminal shows after a text that only goes up and erases. */
function screen(text: string): string {
  let lines = [''];
  for (const part of text.split(/(\u001b\[\d*[AJ]|\n|\r)/)) {
    const up = /^\u001b\[(\d+)A$/.exec(part);
    if (up) lines = [...lines.slice(0, lines.length - 1 - Number(up[1])), ''];
    else if (part === '\n') lines.push('');
    else if (part !== '\r' && part !== '\u001b[J') lines[lines.length - 1] += part;
  }
  return lines.join('\n');
}

describe('the live region', () => {
  test('counts the lines that a narrower terminal has wrapped', () => {
    const terminal = paper();
    const region = createLiveRegion(terminal);
    region.draw(['x'.repeat(60)]);
    terminal.width = 20;
    region.draw(['y'.repeat(60)]);
    expect(terminal.text()).toContain(`\u001b[3A\r\u001b[J${'y'.repeat(18)}…\n`);
  });

  test('never draws more than a few lines', () => {
    const terminal = paper();
    createLiveRegion(terminal).draw(Array.from({ length: 50 }, (_none, index) => `${index}`));
    expect(terminal.text().split('\n')).toHaveLength(17);
    expect(terminal.text()).toContain('… and 35 more lines');
  });

  test('cuts by what is seen', () => {
    expect([cut('日本語', 6), cut('日本語', 5), cut('abc', 3)]).toEqual(['日本語', '日本…', 'abc']);
  });
});

describe('lines of output', () => {
  test('are whole characters, whatever the chunks', () => {
    const lines = createLines({ colour: false });
    const text = Buffer.from('wörld\nrest');
    expect([...lines.push(text.subarray(0, 2)), ...lines.push(text.subarray(2)), ...lines.end()]).toEqual([
      'wörld',
      'rest',
    ]);
  });

  test('have no end that only a whole gigabyte would bring', () => {
    const lines = createLines({ colour: false });
    expect(lines.push(Buffer.alloc(100_000, 120)).length).toBeGreaterThan(10);
  });

  test.each([
    ['10%\r50%\r100%\r', '100%'],
    ['\u001b]0;title\u0007text', 'text'],
    ['\u001b[2J\u001b[1;1Htext', 'text'],
    ['\u001b[31mred\u001b[0m', 'red'],
    ['a\u0000b\u009bc', 'abc'],
    ['\u0001[31mforged', '[31mforged'],
  ])('%j is shown as %j', (line, shown) => {
    expect(cleanLine(line, { colour: false })).toBe(shown);
  });

  test('keep colours where there are any, and end them', () => {
    expect(cleanLine('\u001b[31mred', { colour: true })).toBe('\u001b[31mred\u001b[0m');
    expect(cleanLine('\u0001[31mforged', { colour: true })).toBe('[31mforged');
  });
});

test.each([
  [350, '350ms'],
  [4_250, '4.2s'],
  [59_999, '59.9s'],
  [252_000, '4m12s'],
  [3_780_000, '1h03m'],
])('%d ms is %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});

test('names are shown, not obeyed', () => {
  const summary = createSummary();
  summary.add({ kind: 'stepStarted', step: unit, reason: 'a\u001b[2J\nb changed', because: 'cause' });
  expect(finalReport(summary.summary, { colour: true })).toContain(
    'web/tests ▸ RUN ./unittest.sh: rerun: a\\u001b[2J\\u000ab changed',
  );
});

test('copies that fail alike are told once', () => {
  const summary = createSummary();
  const copy = (label: string): StepName => ({ ...unit, runner: { ...runner, id: label, label } });
  const failed = { kind: 'stepFailed', exit: { kind: 'exited', code: 2 }, why: 'exit code 2', kept: null } as const;
  for (const label of ['web [1/3]', 'web [2/3]'])
    summary.add({ ...failed, step: copy(label), tail: 'Traceback of all\n' });
  const kept = 'e14e0123456789' as InstanceId;
  summary.add({ ...failed, step: copy('web [3/3]'), tail: 'another\n', kept });
  const lines = finalReport(summary.summary, { colour: false });
  expect(lines.filter((line) => line.includes('Traceback'))).toEqual(['  │ Traceback of all']);
  expect(lines.filter((line) => line.includes('look around'))).toEqual([
    '  look around before it: layer shell web/tests/Layerfile:3',
    '  look around as it left the machine: layer shell e14e0123',
  ]);
  expect(lines).toContain('  and in the same way: web [2/3]');
  expect(lines.filter((line) => line.startsWith('failed: '))).toHaveLength(2);
});
