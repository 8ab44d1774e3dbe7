import type { Clock, Terminal } from '../../host.ts';
import type { Event, RunnerName, StepName } from '../../runner/events.ts';
import { finalReport } from '../../report/final-report.ts';
import { createLines, type Lines } from '../../report/lines.ts';
import { createLiveRegion } from './live-region.ts';
import type { Reporter } from '../../report/reporter.ts';
import { createSummary } from '../../report/summary.ts';
import { duration, plainText, plural, stepText } from '../../report/text.ts';

/** What a runner is doing. */
interface Doing {
  readonly runner: RunnerName;
  readonly sinceMs: number;
  what: string;
  /** When the step began; null where none is under way. */
  stepSinceMs: number | null;
  lastLine: string;
  lines: Lines;
  skipped: number;
  total: number;
}

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const tickMs = 100;

/** A live tree of what runs, with the time it takes; what is over scrolls away above it. */
export function createTtyReporter(terminal: Terminal, clock: Clock): Reporter {
  const summary = createSummary();
  const region = createLiveRegion(terminal);
  const doing = new Map<string, Doing>();
  const { colour } = terminal;
  let frame = 0;

  const draw = (): void => {
    frame += 1;
    region.draw([...doing.values()].flatMap((one) => branch(one, { now: clock.now(), frame })));
  };
  const timer = setInterval(draw, tickMs);
  const say = (mark: Mark, text: string): void => region.print(`${paint(mark, colour)} ${text}`);
  const of = (runner: RunnerName): Doing => {
    const known = doing.get(runner.id);
    if (known) return known;
    const now = clock.now();
    const fresh: Doing = {
      ...{ runner, sinceMs: now, what: 'looking', stepSinceMs: null, lastLine: '' },
      ...{ lines: createLines({ colour: false }), skipped: 0, total: 0 },
    };
    doing.set(runner.id, fresh);
    return fresh;
  };
  const rest = (runner: RunnerName, what: string): void => {
    Object.assign(of(runner), { what, stepSinceMs: null, lastLine: '' });
  };
  const ended = (step: StepName, text: string, mark: Mark): void => {
    say(mark, `${stepText(step)}  ${text}`);
    rest(step.runner, 'going on');
  };

  const listen = (event: Event): void => {
    summary.add(event);
    switch (event.kind) {
      case 'runnerStarted':
        of(event.runner);
        break;
      case 'runnerEnded': {
        const one = doing.get(event.runner.id);
        doing.delete(event.runner.id);
        const { outcome } = event;
        const skipped = one && one.total > 0 ? `skipped ${one.skipped} of ${plural(one.total, 'step')}  ` : '';
        const label = plainText(event.runner.label);
        const time = duration(event.durationMs);
        if (outcome.kind === 'succeeded') say('done', `${label}  ${skipped}${time}`);
        else say(outcome.kind === 'waiting' ? 'still' : 'failed', `${label}  ${outcome.kind}  ${time}`);
        break;
      }
      case 'stepSkipped': {
        const one = of(event.step.runner);
        one.skipped += 1;
        one.total += 1;
        one.what = `skipped ${plural(one.skipped, 'step')}`;
        break;
      }
      case 'machineStarting':
        rest(event.runner, event.from === null ? 'starting a machine' : 'restoring a machine');
        break;
      case 'stepStarted': {
        const one = of(event.step.runner);
        one.total += 1;
        one.what = plainText(event.step.title);
        one.stepSinceMs = clock.now();
        one.lastLine = event.because === 'cause' ? `rerun: ${plainText(event.reason)}` : '';
        one.lines = createLines({ colour: false });
        break;
      }
      case 'stepOutput': {
        const one = of(event.step.runner);
        one.lastLine = one.lines.push(event.chunk).findLast((line) => line.trim() !== '') ?? one.lastLine;
        // Drawn at the next tick: output may come a thousand times as often.
        return;
      }
      case 'stepEnded':
        ended(event.step, duration(event.durationMs), 'done');
        break;
      case 'stepFailed':
        ended(event.step, plainText(event.why), 'failed');
        break;
      case 'stepNotKept':
        say('still', `${stepText(event.step)}  not kept: ${plainText(event.why)}`);
        break;
      case 'remainingSkipped':
        say('done', `${stepText(event.step)}  leaving out ${plural(event.count, 'step')}`);
        break;
      case 'waiting':
        rest(event.runner, `waiting for ${event.for.join(', ')}`);
        break;
      case 'button':
        rest(event.step.runner, `waiting for a press: ${plainText(event.message)}`);
        // The question is asked below what stands here, and must not be drawn over.
        region.pause();
        break;
      case 'pressed':
        region.resume();
        say('done', `${stepText(event.step)}  pressed`);
        break;
      case 'note':
        say(
          event.level === 'error' ? 'failed' : 'still',
          `${event.runner ? `${plainText(event.runner.label)} ▸ ` : ''}${plainText(event.message)}`,
        );
        break;
      case 'baseProgress':
        for (const one of doing.values()) if (one.stepSinceMs === null) one.lastLine = plainText(event.message);
        break;
      case 'serving':
        say('done', `${plainText(event.runner.label)} ▸ serving on ${plainText(event.address)} until Ctrl-C`);
        break;
      case 'runEnded':
        clearInterval(timer);
        doing.clear();
        region.close();
        for (const line of finalReport(summary.summary, { colour })) terminal.out(`${line}\n`);
        return;
      case 'runStarted':
      case 'machineReady':
      case 'machineHibernated':
      case 'machineWoken':
        break;
    }
    draw();
  };
  return {
    listen,
    close() {
      clearInterval(timer);
      region.close();
    },
  };
}

type Mark = 'done' | 'failed' | 'still';

function paint(mark: Mark, colour: boolean): string {
  const look = { done: ['✓', 32], failed: ['✗', 31], still: ['•', 33] } as const;
  const [sign, code] = look[mark];
  return colour ? `\u001b[${code}m${sign}\u001b[0m` : sign;
}

function branch(one: Doing, { now, frame }: { readonly now: number; readonly frame: number }): readonly string[] {
  const spinner = frames[frame % frames.length];
  const time = duration(now - (one.stepSinceMs ?? one.sinceMs));
  const head = `${spinner} ${time.padStart(6)}  ${plainText(one.runner.label)} ▸ ${one.what}`;
  return one.lastLine === '' ? [head] : [head, `          ${one.lastLine}`];
}
