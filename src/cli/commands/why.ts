import { isWorking } from '../../runner/instruction.ts';
import { keyFacts, readFacts, type KeyFact, type ReadFact } from '../../runner/inspect/facts.ts';
import type { SurveyedRunner, SurveyedStep } from '../../runner/inspect/survey.ts';
import { secretsOf } from '../../runner/key.ts';
import { resultAt } from '../../runner/lookup.ts';
import { stepName } from '../../runner/names.ts';
import type { Instance } from '../../runner/store.ts';
import { exit } from '../../exit.ts';
import { duration, place, plainText, plural, stepText } from '../../report/text.ts';
import { command } from '../command.ts';
import { inspectOptions, openStep } from '../inspect/open.ts';
import { stepJson } from '../inspect/step-json.ts';
import { stepOperand } from '../inspect/step-operand.ts';
import { ageText } from '../../world/size.ts';

/** Earlier results that are compared in words; most of the time the last one is the one that matters. */
const mostCompared = 3;
const mostFacts = 20;

export const why = command({
  description:
    'Says why a run would skip a step now, or run it: what differs in what it is (instruction, BUILD ENV values, user, directory, base machine),\n' +
    'or which files that it looked at are others now.',
  operands: stepOperand,
  options: inspectOptions,
  examples: [
    { command: 'layer why web/Layerfile:5', does: 'by its line' },
    { command: 'layer why "npm test"', does: 'by a part of its instruction' },
    { command: 'layer why e14e', does: 'by the id that layer run printed' },
    { command: 'layer why web-2:4 --json', does: 'the second copy of a SPLIT, for a program' },
  ],
  async run({ options, operands }, context) {
    const { terminal, clock } = context.host;
    const opened = await openStep(operands[0] ?? '', { name: 'why', options, context });
    if ('code' in opened) return opened.code;
    await using inspection = opened;
    const { found } = inspection;
    const answer = await explain(found.step, found.runner);
    terminal.out(
      options.json ? `${JSON.stringify(asJson(answer), null, 2)}\n` : `${asLines(answer, clock.now()).join('\n')}\n`,
    );
    return exit.done;
  },
});

/** Everything about why a step would run or not. */
interface Answer {
  readonly step: SurveyedStep;
  /** The step that runs before it and makes it run; null where it is itself. */
  readonly first: SurveyedStep | null;
  readonly compared: readonly {
    readonly instance: Instance;
    readonly reads: number;
    readonly broken: readonly ReadFact[];
  }[];
  readonly key: { readonly title: string; readonly differs: readonly KeyFact[] } | null;
}

async function explain(step: SurveyedStep, runner: SurveyedRunner): Promise<Answer> {
  const { context, steps } = runner;
  const { before, keyed, verdict } = step;
  const { store } = context.ports;
  const first =
    verdict.kind === 'run' && verdict.because === 'follows'
      ? (steps.find((one) => one.verdict.kind === 'run' && one.verdict.because === 'cause') ?? null)
      : null;
  if (before === null || keyed === null) return { step, first, compared: [], key: null };
  const rank = ({ id, usedAt }: Instance): number => (id === step.instance?.id ? Infinity : usedAt);
  const candidates = (await store.candidates(keyed.key)).toSorted((a, b) => rank(b) - rank(a));
  const compared = candidates.slice(0, mostCompared).map((instance) => {
    const { views } = resultAt(instance, keyed, { position: before, context });
    const facts = readFacts(instance.observations, views);
    return { instance, reads: facts.length, broken: facts.filter((one) => !one.holds) };
  });
  if (compared.length > 0) return { step, first, compared, key: null };
  const siblings = await store.siblings(keyed.first ? null : before.instance, keyed.layer);
  const key = keyFacts(keyed.parts, siblings);
  return { step, first, compared, key: key && { title: key.nearest.title, differs: key.differs } };
}

function asLines({ step, first, compared, key }: Answer, now: number): readonly string[] {
  const { verdict, chainStep, instance } = step;
  const lines = [`${stepText(stepName(chainStep, step.runner))}, at ${place(chainStep.step.span)}`];
  const say = (line: string): void => void lines.push(`  ${line}`);
  switch (verdict.kind) {
    case 'skip': {
      const { id, createdAt, durationMs, observations, data, notKept, keyParts } = instance as Instance;
      const secrets = secretsOf(keyParts);
      say(`would be skipped: ${id.slice(0, 4)}, made ${ageText(now - createdAt)} in ${duration(durationMs)}`);
      say(
        `${plural(observations.length, 'read')} of its own unchanged, and all of the steps before it (layer reads lists them)`,
      );
      if (secrets.length > 0)
        say(
          `tainted: ${secrets.join(', ')} ${secrets.length === 1 ? 'was' : 'were'} in force, so that it never leaves this machine`,
        );
      if (data === null) say(`no snapshot: ${plainText(notKept ?? 'none was taken here')}; a run resumes before it`);
      return lines;
    }
    case 'pass':
      say('steers the run and does no work: there is nothing to skip');
      return lines;
    case 'press':
      say('waits for a press in every run; no step after it is ever skipped');
      return lines;
    case 'left out':
      say('would be left out: a SKIP REMAINING IF before it holds');
      return lines;
    case 'run':
      say(`would run: ${plainText(verdict.reason)}`);
  }
  if (first !== null && first.verdict.kind === 'run') {
    say(`the first to run is ${stepText(stepName(first.chainStep, first.runner))}: ${plainText(first.verdict.reason)}`);
  }
  for (const { instance: one, reads, broken } of compared) {
    const when = `${one.id.slice(0, 4)}, made ${ageText(now - one.createdAt)}`;
    if (broken.length === 0) say(`${when}: all ${plural(reads, 'read')} of its own hold`);
    else
      say(
        `${when}: ${broken.length} of ${plural(reads, 'read')} of its own ${broken.length === 1 ? 'does' : 'do'} not hold`,
      );
    for (const fact of broken.slice(0, mostFacts)) say(`  ${factText(fact)}`);
    if (broken.length > mostFacts) say(`  … and ${broken.length - mostFacts} more (--json has all)`);
  }
  if (key !== null) {
    say(`no result has its key; the nearest is of ${plainText(key.title)}:`);
    for (const fact of key.differs) {
      const titles = fact.name === 'instruction' && key.title !== chainStep.step.title;
      const shown = titles ? { ...fact, was: key.title, now: chainStep.step.title } : fact;
      say(`  ${plainText(keyText(shown))}`);
    }
    if (key.differs.length === 0)
      say('  nothing differs: that result has gone from the store, or a forced run retired it');
  } else if (compared.length === 0 && step.before === null) {
    say('what comes before it has not run either, so nothing is known of this step');
  }
  return lines;
}

/** `web/a.ts: content 3b18e512db, is content 9daeafb986`. */
function factText({ path, kind, was, now }: ReadFact): string {
  const what = kind === 'listing' ? `${path}/ (listing)` : path;
  return `${plainText(what)}: was ${plainText(was)}, is ${plainText(now)}`;
}

function keyText({ name, was, now }: KeyFact): string {
  return `${keyNames[name] ?? name}: ${now ?? 'none'}, was ${was ?? 'none'}`;
}

const keyNames: Readonly<Record<string, string>> = {
  cwd: 'the working directory',
  user: 'the user',
  instruction: 'the instruction',
  secrets: 'the secrets that are set',
  mtime: 'file times',
  base: 'the base machine',
  driver: 'the driver',
  architecture: 'the architecture',
  network: 'the network',
  repository: 'the repository',
};

function asJson({ step, first, compared, key }: Answer): unknown {
  const { verdict, instance } = step;
  return {
    step: stepJson(step),
    verdict: verdict.kind,
    reason: verdict.kind === 'run' ? verdict.reason : null,
    because: verdict.kind === 'run' ? verdict.because : null,
    first:
      first === null
        ? null
        : { ...stepJson(first), reason: first.verdict.kind === 'run' ? first.verdict.reason : null },
    instance:
      !isWorking(step.chainStep.step) || instance === null
        ? null
        : {
            id: instance.id,
            createdAt: instance.createdAt,
            durationMs: instance.durationMs,
            snapshot: instance.data !== null,
            tainted: secretsOf(instance.keyParts).length > 0,
          },
    compared: compared.map(({ instance: one, reads, broken }) => ({
      id: one.id,
      createdAt: one.createdAt,
      reads,
      broken,
    })),
    key,
  };
}
