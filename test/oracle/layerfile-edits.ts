import { Random } from './random.ts';
import { randomCopy, randomRun, type Place } from './steps.ts';

/** A person edits a Layerfile: lines come, go, change, or trade places. What features need of each other stays in order. */
export function editSteps(random: Random, steps: readonly string[], place: Place): readonly string[] {
  const ordinary = steps.flatMap((one, index) => (index >= 2 && isOrdinary(one) ? [index] : []));
  const at = ordinary.length === 0 ? steps.length : random.pick(ordinary);
  const line = randomRun(random, 900 + random.below(10), place);
  const next = ordinary.find((index) => index > at) ?? at;
  const put = (index: number, text: string): readonly string[] =>
    steps.map((one, here) => (here === index ? text : one));
  switch (
    random.weigh([
      [3, 'insert'],
      [3, 'remove'],
      [3, 'reorder'],
      [2, 'replace'],
      [1, 'copy'],
      [1, 'comment'],
      [0.5, 'label'],
      [0.7, 'memory'],
      [0.7, 'checkpoint'],
    ] as const)
  ) {
    case 'insert':
      return [...steps.slice(0, at), line, ...steps.slice(at)];
    case 'remove':
      return steps.filter((_, index) => index !== at);
    case 'reorder':
      return steps.map((one, index) =>
        index === at ? (steps[next] ?? one) : index === next ? (steps[at] ?? one) : one,
      );
    case 'replace':
      return put(at, line);
    case 'copy':
      return put(at, randomCopy(random, place));
    case 'comment':
      return random.chance(0.5)
        ? ['# first', ...steps]
        : [...steps.slice(0, at), '  # a comment', '', ...steps.slice(at)];
    case 'label':
      return steps.includes('LABEL status=hidden') ? steps : [...steps, 'LABEL status=hidden'];
    case 'memory':
      return steps.includes('MEMORY 512M') ? steps.filter((one) => one !== 'MEMORY 512M') : ['MEMORY 512M', ...steps];
    case 'checkpoint':
      return [...steps.slice(0, at), random.pick(['CHECKPOINT', 'CHECKPOINT disabled']), ...steps.slice(at)];
  }
}

/** Whether a line may stand anywhere. */
function isOrdinary(line: string): boolean {
  return /^(RUN \(|COPY (?!\/\.git|\/ )|WORKDIR|CHECKPOINT)/.test(line);
}
