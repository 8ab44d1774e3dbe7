import { graphOf } from '../graph/graph.ts';
import { mermaid } from '../graph/mermaid.ts';
import type { LayerId, Plan } from '../ir/ir.ts';
import { duration, place, plainText, plural, stepText } from '../report/text.ts';
import type { StepName } from '../runner/events.ts';
import type { Summary } from '../report/summary.ts';

/** Where links lead; null outside of GitHub. */
export interface SourceLinks {
  /** `https://github.com/owner/name/blob/<commit>`. */
  readonly blob: string;
  /** The Layerfile's path in the repository. */
  readonly filePath: (path: string) => string;
}

const slowest = 10;
const tailLines = 30;
/** GitHub takes 1 MiB of a step's summary; a tail of a failed step is the only part that can be long. */
const tailCharacters = 8_000;

/** The job's summary in Markdown: what came of it, the graph, what was skipped and why the rest ran, the slowest steps, what failed. */
export function jobSummary(given: {
  readonly summary: Summary;
  readonly plan: Plan;
  readonly links: SourceLinks | null;
  /** Lines on where results came from and went. */
  readonly store: readonly string[];
}): string {
  const { summary, plan, links } = given;
  const parts = [
    `## ${headline(summary)}`,
    ...warnings(summary),
    ...failures(summary, links),
    ...others(summary),
    ...(plan.layers.length > 0 && plan.layers.length <= 100 ? [graph(plan, summary)] : []),
    steps(summary, links),
    slow(summary, links),
    ...(given.store.length === 0 ? [] : [given.store.map((line) => `- ${escape(line)}`).join('\n')]),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function headline({ outcome, skipped, total, savedMs, durationMs }: Summary): string {
  const saved = skipped === 0 ? '' : `, saved ${duration(savedMs)}`;
  const what = `skipped ${skipped} of ${plural(total, 'step')}${saved} (${duration(durationMs)})`;
  switch (outcome) {
    case 'passed':
    case null:
      return `✅ layer: ${what}`;
    case 'failed':
      return `❌ layer: a step failed; ${what}`;
    case 'broken':
      return `❌ layer: it could not run; ${what}`;
    case 'waiting':
      return `⏸️ layer: it waits for a press; ${what}`;
    case 'interrupted':
      return `⏹️ layer: interrupted; ${what}`;
  }
}

function warnings({ warnings: all }: Summary): readonly string[] {
  return all.length === 0 ? [] : [all.map((message) => `- ${escape(message)}`).join('\n')];
}

function failures({ failures: failed }: Summary, links: SourceLinks | null): readonly string[] {
  return failed.map(({ step, why, tail }) => {
    const log = plainLines(tail).slice(-tailLines).join('\n').slice(-tailCharacters);
    const block = log === '' ? '' : `\n\n${fenced(log)}`;
    return `### ${named(step, links)} failed\n\n${escape(why)}, at ${placed(step, links)}${block}`;
  });
}

function others({ others: rest }: Summary): readonly string[] {
  const lines = rest.flatMap(({ runner, outcome }) => {
    switch (outcome.kind) {
      case 'succeeded':
      case 'failed':
        return [];
      case 'broken':
        return [`- ${escape(runner.label)} could not run: ${escape(outcome.why)}`];
      case 'cancelled':
        return [`- ${escape(runner.label)} was cancelled: ${escape(outcome.why)}`];
      case 'waiting':
        return [
          `- ${escape(runner.label)} waits for a press of **${escape(outcome.message)}**: run again with \`press\``,
        ];
    }
  });
  return lines.length === 0 ? [] : [lines.join('\n')];
}

/** What became of a Layerfile decides how its box looks. */
type Look = 'skipped' | 'ran' | 'failed' | 'other';

function graph(plan: Plan, summary: Summary): string {
  const shown = graphOf(plan);
  const classes = shown.nodes.flatMap((node, index) =>
    node.kind === 'layer' ? [`  class n${index} ${lookOf(node.id as LayerId, summary)}`] : [],
  );
  const styles = [
    '  classDef skipped fill:#dafbe1,stroke:#1a7f37,color:#1f2328',
    '  classDef ran fill:#ddf4ff,stroke:#0969da,color:#1f2328',
    '  classDef failed fill:#ffebe9,stroke:#cf222e,color:#1f2328',
    '  classDef other fill:#f6f8fa,stroke:#59636e,color:#1f2328',
  ];
  return fenced(
    `${mermaid(shown).trimEnd()}\n${[...styles, ...classes].join('\n')}`,
    'mermaid',
    'Green: skipped. Blue: ran. Red: failed.',
  );
}

function lookOf(layer: LayerId, { steps: all, failures: failed, others: rest }: Summary): Look {
  const own = all.filter((one) => one.step.runner.layer === layer);
  if (failed.some((one) => one.step.runner.layer === layer)) return 'failed';
  if (rest.some((one) => one.runner.layer === layer)) return 'other';
  if (own.some((one) => !one.skipped)) return 'ran';
  return own.length > 0 ? 'skipped' : 'other';
}

function steps({ steps: all }: Summary, links: SourceLinks | null): string {
  if (all.length === 0) return '';
  const rows = all.map(({ step, skipped, ms, reads, reason }) => {
    const what = skipped
      ? `skipped: ${plural(reads, 'read')} unchanged`
      : `ran: ${escape(reason ?? 'a step before it ran')}`;
    return `| ${named(step, links)} | ${what} | ${duration(ms)} |`;
  });
  const table = ['| Step | What and why | Time |', '| --- | --- | ---: |', ...rows].join('\n');
  return `<details><summary>All steps</summary>\n\n${table}\n\n</details>`;
}

function slow({ steps: all }: Summary, links: SourceLinks | null): string {
  const ran = all
    .filter((one) => !one.skipped && one.ms > 0)
    .sort((a, b) => b.ms - a.ms)
    .slice(0, slowest);
  if (ran.length === 0) return '';
  const rows = ran.map(({ step, ms, reason }) => {
    return `| ${named(step, links)} | ${duration(ms)} | ${reason === null ? 'a step before it ran' : escape(reason)} |`;
  });
  return ['### Slowest steps', '', '| Step | Time | Why it ran |', '| --- | ---: | --- |', ...rows].join('\n');
}

function named(step: StepName, links: SourceLinks | null): string {
  const text = escape(stepText(step));
  return links === null ? text : `[${text}](${address(step, links)})`;
}

function placed(step: StepName, links: SourceLinks | null): string {
  const text = escape(place(step.span));
  return links === null ? text : `[${text}](${address(step, links)})`;
}

function address({ span }: StepName, { blob, filePath }: SourceLinks): string {
  const line = place(span).split(':').at(-1) ?? '1';
  const path = filePath(span.file.path).split('/').map(encodeURIComponent).join('/');
  return `${blob}/${path.replace(/[()]/g, (one) => `%${one.charCodeAt(0).toString(16)}`)}#L${line}`;
}

/** Text in Markdown and in a table's cell, as it is: nothing in it is a link, a mention, a tag or an image. */
function escape(text: string): string {
  return plainText(text).replace(/[&<>"'`*_{}[\]()#+!|\\~@:$-]/g, (one) => `&#${one.charCodeAt(0)};`);
}

/** A block of code that its text cannot end. */
function fenced(text: string, language = '', caption = ''): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${text}\n${fence}${caption === '' ? '' : `\n\n${caption}`}`;
}

function plainLines(text: string): readonly string[] {
  return text
    .replace(/\n$/, '')
    .split('\n')
    .map((line) => plainText(line.replace(/\u001b\[[0-9;:]*m/g, '')));
}
