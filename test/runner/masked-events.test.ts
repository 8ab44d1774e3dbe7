import { expect, test } from 'vitest';
import { createMask } from '../../src/runner/input/mask.ts';
import { maskedEvents } from '../../src/runner/masked-events.ts';
import type { Event } from '../../src/runner/events.ts';

test('what events say in words holds no secret', () => {
  const mask = createMask(['canary-secret']);
  const heard: Event[] = [];
  const listener = maskedEvents((event) => heard.push(event), { masker: () => mask.stream() });
  const why = 'https://host/canary-secret cannot be reached';
  const step = { runner: { layer: 'x', id: 'x', copy: null, label: 'x' }, index: 0, title: 'RUN x' } as never;
  listener({ kind: 'note', runner: null, level: 'warning', message: why });
  listener({ kind: 'stepStarted', step, reason: why, because: 'cause' });
  listener({ kind: 'stepFailed', step, exit: { kind: 'exited', code: 1 }, why, tail: why, kept: null });
  listener({ kind: 'stepNotKept', step, why });
  listener({ kind: 'runnerEnded', runner: null as never, outcome: { kind: 'failed', why }, durationMs: 1 });
  expect(heard).toHaveLength(5);
  expect(JSON.stringify(heard)).not.toContain('canary');
  expect(JSON.stringify(heard)).toContain('https://host/*** cannot be reached');
});
