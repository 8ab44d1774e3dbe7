import { randomBytes } from 'node:crypto';
import { positionAt } from '../diagnostics/source.ts';
import { createLines, type Lines } from '../report/lines.ts';
import type { Reporter } from '../report/reporter.ts';
import { duration, plainText, plural, stepText } from '../report/text.ts';
import type { Event, StepName } from '../runner/events.ts';

/** What a workflow log is written with; @actions/core's own functions fit. */
export interface LogCommands {
  info(message: string): void;
  warning(message: string): void;
  error(
    message: string,
    properties?: { readonly title: string; readonly file: string; readonly startLine: number },
  ): void;
  startGroup(name: string): void;
  endGroup(): void;
}

interface Running {
  readonly step: StepName;
  readonly title: string;
  readonly lines: Lines;
  /** Shown when it is this step's turn. */
  readonly held: string[];
  ended: boolean;
}

/**
 * A workflow's log: a group a step. The step that began first is shown as it goes, the others when it is their turn. What steps print can be no
 * workflow command: commands are stopped around it (GitHub: "Stopping and starting workflow commands").
 */
export function createActionReporter(
  log: LogCommands,
  { filePath, token = () => randomBytes(16).toString('hex') }: ReporterOptions,
): Reporter {
  const running: Running[] = [];
  let open: { readonly one: Running; readonly token: string } | null = null;
  const keyOf = (step: StepName): string => `${step.runner.id} ${step.index}`;
  const find = (step: StepName): Running | undefined => running.find((one) => keyOf(one.step) === keyOf(step));

  const write = (one: Running, lines: readonly string[]): void => {
    if (open?.one === one) for (const line of lines) log.info(line);
    else one.held.push(...lines);
  };
  const shut = (): void => {
    if (!open) return;
    log.info(`::${open.token}::`);
    log.endGroup();
    open = null;
  };
  /** Shows steps until one is still going. */
  const advance = (): void => {
    for (let one = running[0]; one; one = running[0]) {
      if (open?.one !== one) {
        shut();
        log.startGroup(one.title);
        open = { one, token: token() };
        log.info(`::stop-commands::${open.token}`);
        for (const line of one.held.splice(0)) log.info(line);
      }
      if (!one.ended) return;
      shut();
      running.shift();
    }
  };
  /** A line of our own, which may be a command. */
  const say = (action: () => void): void => {
    if (open) log.info(`::${open.token}::`);
    action();
    if (open) log.info(`::stop-commands::${open.token}`);
  };
  const end = (step: StepName, line: string): void => {
    const one = find(step);
    if (!one) return;
    write(one, [...one.lines.end(), line]);
    one.ended = true;
    advance();
  };

  const listen = (event: Event): void => {
    switch (event.kind) {
      case 'stepSkipped':
        say(() => log.info(`${stepText(event.step)}: skipped (${plural(event.reads, 'read')} unchanged)`));
        return;
      case 'stepStarted': {
        const title = `${stepText(event.step)}: ${plainText(event.reason)}`;
        running.push({ step: event.step, title, lines: createLines({ colour: true }), held: [], ended: false });
        advance();
        return;
      }
      case 'stepOutput': {
        const one = find(event.step);
        if (one) write(one, one.lines.push(event.chunk));
        return;
      }
      case 'stepEnded':
        end(event.step, `done in ${duration(event.durationMs)}`);
        return;
      case 'stepFailed': {
        end(event.step, `failed: ${plainText(event.why)}`);
        const { span } = event.step;
        const file = filePath(span.file.path);
        const startLine = positionAt(span.file, span.start).line;
        say(() => log.error(plainText(event.why), { title: stepText(event.step), file, startLine }));
        return;
      }
      case 'stepNotKept':
        say(() => log.info(`${stepText(event.step)}: not kept: ${plainText(event.why)}`));
        return;
      case 'waiting':
        say(() => log.info(`${plainText(event.runner.label)}: waiting for ${event.for.join(', ')}`));
        return;
      case 'button':
        say(() => log.info(`${stepText(event.step)}: waiting for a press`));
        return;
      case 'pressed':
        say(() => log.info(`${stepText(event.step)}: pressed`));
        return;
      case 'remainingSkipped':
        say(() => log.info(`${stepText(event.step)}: it holds: leaving out ${plural(event.count, 'step')}`));
        return;
      case 'note': {
        const text = `${event.runner ? `${plainText(event.runner.label)}: ` : ''}${plainText(event.message)}`;
        say(() => log[event.level](text));
        return;
      }
      case 'baseProgress':
        say(() => log.info(`${plainText(event.machine)}: ${plainText(event.message)}`));
        return;
      case 'serving':
        say(() => log.info(`${plainText(event.runner.label)}: serving on ${plainText(event.address)}`));
        return;
      case 'runStarted':
      case 'runnerStarted':
      case 'runnerEnded':
      case 'machineStarting':
      case 'machineReady':
      case 'machineHibernated':
      case 'machineWoken':
        return;
      case 'runEnded':
        // Steps that were stopped have no end of their own.
        for (const one of running) one.ended = true;
        advance();
        return;
    }
  };
  return { listen, close: shut };
}

export interface ReporterOptions {
  /** A Layerfile's path as GitHub knows it: relative to the workspace. */
  readonly filePath: (path: string) => string;
  readonly token?: () => string;
}
