import type { Failure, Summary } from './summary.ts';
import { cleanLine } from './lines.ts';
import { duration, place, plainLines, plainText, plural, stepText } from './text.ts';

const tailLines = 40;

/** The end of every report: what was skipped, why the rest ran, and what failed, its log last. */
export function finalReport(summary: Summary, { colour }: { readonly colour: boolean }): readonly string[] {
  const lines: string[] = [];
  if (summary.reruns.length > 0) {
    lines.push('');
    for (const { step, reason } of summary.reruns) lines.push(`${stepText(step)}: rerun: ${plainText(reason)}`);
  }
  for (const [failure, ...alike] of groupsOf(summary.failures)) {
    if (failure) lines.push('', ...failed(failure, { alike: alike.map(({ step }) => step.runner.label), colour }));
  }
  const rest = summary.others.map(({ runner, outcome }) => `${plainText(runner.label)} ${outcomeText(outcome)}`);
  if (rest.length > 0) lines.push('', ...rest);
  return [...lines, '', ending(summary)];
}

function outcomeText(outcome: Summary['others'][number]['outcome']): string {
  switch (outcome.kind) {
    case 'succeeded':
      return 'succeeded';
    case 'failed':
      return `failed: ${plainLines(outcome.why, '  ')}`;
    case 'broken':
      return `could not run: ${plainLines(outcome.why, '  ')}`;
    case 'cancelled':
      return `cancelled: ${plainLines(outcome.why, '  ')}`;
    case 'waiting':
      return `waits for a press: ${plainText(outcome.message)} (go on with: layer run --press ${shellWord(outcome.message)})`;
  }
}

/** Copies of one machine mostly fail alike: what they said is shown once. */
function groupsOf(failures: readonly Failure[]): readonly (readonly Failure[])[] {
  const groups = new Map<string, Failure[]>();
  for (const failure of failures) {
    const { step, why, tail } = failure;
    const key = JSON.stringify([step.span.file.path, step.span.start, why, tail]);
    groups.set(key, [...(groups.get(key) ?? []), failure]);
  }
  return [...groups.values()];
}

function failed(
  { step, why, tail, kept }: Failure,
  { alike, colour }: { readonly alike: readonly string[]; readonly colour: boolean },
): string[] {
  const log = tail.split('\n').map((line) => cleanLine(line, { colour }));
  if (log.at(-1) === '') log.pop();
  const shown = log.slice(-tailLines);
  return [
    `failed: ${stepText(step)}`,
    ...(alike.length === 0 ? [] : [`  and in the same way: ${alike.map(plainText).join(', ')}`]),
    ...(log.length > shown.length ? [`  │ … (${plural(log.length - shown.length, 'line')} before)`] : []),
    ...shown.map((line) => `  │ ${line}`),
    `  ${plainLines(why, '  ')}, at ${place(step.span)}`,
    `  look around ${kept === null ? 'before it' : 'as it left the machine'}: layer shell ${shellWord(kept?.slice(0, 8) ?? place(step.span))}`,
    `  run it again: layer run ${shellWord(rerunPath(step.span.file.path))}`,
  ];
}

function rerunPath(file: string): string {
  const slash = file.lastIndexOf('/');
  return slash < 0 ? '.' : file.slice(0, slash);
}

function shellWord(text: string): string {
  const safe = plainText(text);
  return /^[\w./@:+-]+$/.test(safe) ? safe : `'${safe.replaceAll("'", `'\\''`)}'`;
}

function ending(summary: Summary): string {
  const { skipped, total, savedMs, durationMs } = summary;
  const word = endWord(summary);
  const saved = skipped > 0 ? `, saved ${duration(savedMs)}` : '';
  return `${word}skipped ${skipped} of ${plural(total, 'step')}${saved} (${duration(durationMs)})`;
}

function endWord({ outcome }: Summary): string {
  switch (outcome) {
    case 'passed':
    case null:
      return '';
    case 'failed':
      return 'failed; ';
    case 'broken':
      return 'could not run; ';
    case 'waiting':
      return 'waiting; ';
    case 'interrupted':
      return 'interrupted; ';
  }
}
