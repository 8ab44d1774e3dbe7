import { text as readText } from 'node:stream/consumers';
import { exit } from '../../exit.ts';
import { plainText, stepText } from '../../report/text.ts';
import type { ChainStep } from '../../runner/chain.ts';
import type { Command, Exit } from '../../runner/driver.ts';
import { environmentAt } from '../../runner/environment.ts';
import { reopen } from '../../runner/inspect/reopen.ts';
import type { SurveyedRunner } from '../../runner/inspect/survey.ts';
import { stepName } from '../../runner/names.ts';
import type { Position } from '../../runner/position.ts';
import { runScript } from '../../runner/script.ts';
import { command } from '../command.ts';
import { findSurveyed, inspectOptions, openInspection, type FoundStep } from '../inspect/open.ts';
import { stepOperand } from '../inspect/step-operand.ts';
import { lendTerminal } from '../inspect/own-terminal.ts';

const { json: _none, ...options } = inspectOptions;

export const shell = command({
  description:
    'Opens a terminal in the state after a step; where the step failed, in its virtual machine as it left it, or (of the sandbox) in the state before\n' +
    'it; where it has to run, in the state before it. Environment, user and directory are the step’s, and the repository’s files are those of now.\n' +
    'What is done there is thrown away. With a command, or where standard input is no terminal, that is run instead. Ends with 0 where the shell\n' +
    'did, else with 1.',
  operands: {
    ...stepOperand,
    help: `${stepOperand.help}; then a command`,
    most: Infinity,
    usage: '<step> [-- command…]',
  },
  options,
  examples: [
    { command: 'layer shell web/Layerfile:5', does: 'look around after a step, or before it where it failed' },
    { command: 'layer shell e14e', does: 'enter the snapshot that layer run named' },
    { command: 'layer shell web:3 -- ls -l /srv', does: 'only run a command there' },
    { command: 'layer shell web:3 < script.sh', does: 'run a script there' },
  ],
  async run({ options: typed, operands }, context) {
    const { terminal } = context.host;
    const [name = '', ...words] = operands;
    const failed = (why: string): 3 => {
      terminal.error(`layer shell: ${why}\n`);
      return exit.hostFailed;
    };
    const opened = await openInspection({
      ...{ name: 'shell', needs: 'machines', options: { ...typed, json: false }, paths: [], context },
    });
    if ('code' in opened) return opened.code;
    await using inspection = opened;
    const { ports } = inspection.world;
    const inputs = await ports.inputs.freeze(context.signal);
    if ('failure' in inputs) return failed(inputs.failure);
    const runners = await inspection.survey({ kind: 'work', inputs }, (event) => {
      if (event.kind === 'note') terminal.error(`${plainText(event.message)}\n`);
      if (event.kind === 'baseProgress') terminal.error(`${event.machine}: ${plainText(event.message)}\n`);
    });
    const found = findSurveyed(name, { ...inspection, runners });
    if ('problem' in found) {
      terminal.error(`layer shell: ${found.problem}\n`);
      return exit.usage;
    }
    const way = wayTo(found);
    if (way === null) return failed(`nothing has been run here yet; begin with: layer run`);
    const machine = await reopen(way.trail, found.runner.context);
    if (machine.kind === 'broken') return failed(machine.why);
    await using _up = machine.opened.machine;
    const { position } = machine;
    terminal.error(`${whereabouts(found, { position, stale: way.stale })}\n`);
    if (words.length === 0 && isTerminal()) terminal.error('what you do here is thrown away; exit or Ctrl-D leaves\n');

    const surroundings = environmentAt(position, {
      ports,
      runner: found.runner.name,
      aws: machine.opened.aws.variables,
    });
    const preamble = { env: surroundings.env, setupFiles: position.state.setupFiles };
    const asked = (script: string): Command => ({
      script: runScript(preamble, script),
      env: { ...surroundings.given, ...terminalType(context.host.environment['TERM']) },
      user: position.state.user,
      cwd: position.state.cwd,
    });
    const masker = ports.secrets.masker();
    const pass = (chunk: Uint8Array): void => void process.stdout.write(chunk);
    let end: Exit;
    if (isTerminal()) {
      const line = words.length > 0 ? words.join(' ') : 'exec bash -i';
      end = await lendTerminal((own) => machine.opened.machine.terminal(asked(line), own, context.signal));
    } else {
      const script = words.length > 0 ? words.join(' ') : await readText(process.stdin);
      const show = (chunk: Uint8Array): void => pass(masker.push(chunk));
      end = await machine.opened.machine.exec(asked(script), show, context.signal);
      pass(masker.end());
    }
    if (end.kind === 'lost') return failed(`the machine was lost: ${end.why}`);
    return end.kind === 'exited' && end.code === 0 ? exit.done : exit.stepFailed;
  },
});

function isTerminal(): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true;
}

/** The name of a terminal is all that a machine learns of the person's own. */
function terminalType(name: string | undefined): Readonly<Record<string, string>> {
  return isTerminal() ? { TERM: /^[\w.+-]+$/.test(name ?? '') ? (name ?? '') : 'xterm' } : {};
}

/** The positions to a state that is wanted; null where there is not even a base machine. `stale`: of a result that does not hold now. */
function wayTo({
  step,
  runner,
  byResult,
  byFailure,
}: FoundStep): { readonly trail: readonly Position[]; readonly stale: boolean } | null {
  const [root] = runner.trail;
  if (!root) return null;
  const { index } = step.chainStep;
  const holding = runner.trail.filter((one) => one.next <= index + 1);
  // Who names an older result of a step that failed wants that.
  if (step.failure !== null && (byFailure || !byResult)) return { trail: [...holding, step.failure], stale: false };
  if (step.holds || step.instance?.data === null || step.instance === null) return { trail: holding, stale: false };
  const known = runner.steps.slice(0, index + 1).flatMap((one) => (one.after === null ? [] : [one.after]));
  // Only who names the result itself wants one that does not hold.
  return byResult && known.length === index + 1
    ? { trail: [root, ...known], stale: true }
    : { trail: holding, stale: false };
}

function whereabouts(
  { step, runner }: FoundStep,
  { position, stale }: { readonly position: Position; readonly stale: boolean },
): string {
  const last = lastStep(runner, position);
  const title = (one: ChainStep): string => stepText(stepName(one, runner.name));
  const at = last === null ? `on the bare machine ${runner.chain.machine.name}` : `after ${title(last)}`;
  if (stale) return `${at} (an earlier result; the repository’s files are those of now)`;
  if (position.instance === step.failure?.instance) return `as ${title(step.chainStep)} left it when it failed`;
  if (step.holds && position.next > step.chainStep.index) return at;
  if (step.holds) return `${at}: nothing was kept after ${title(step.chainStep)}`;
  const missing = runner.steps.some(
    ({ chainStep, verdict }) =>
      chainStep.index >= position.next && chainStep.index < step.chainStep.index && verdict.kind === 'run',
  );
  return `${at}${missing ? ': what comes next has to run first' : `, before ${title(step.chainStep)}`}`;
}

/** The last step before a position that left something. */
function lastStep(runner: SurveyedRunner, position: Position): ChainStep | null {
  const done = runner.steps.filter(({ chainStep, instance }) => chainStep.index < position.next && instance !== null);
  return done.at(-1)?.chainStep ?? null;
}
