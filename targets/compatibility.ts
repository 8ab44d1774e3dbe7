import type { StepKind } from '../src/ir/ir.ts';
import type { ConditionalSupport, Support, Target } from '../src/target.ts';

/** How a step kind is written in a Layerfile, in the order of the table. */
const instructions: { readonly [K in StepKind]: string } = {
  run: 'RUN',
  copy: 'COPY',
  clone: 'CLONE',
  env: 'ENV',
  buildEnv: 'BUILD ENV',
  secretEnv: 'SECRET ENV',
  workdir: 'WORKDIR',
  user: 'USER',
  setupFile: 'SETUP FILE',
  cache: 'CACHE',
  checkpoint: 'CHECKPOINT',
  split: 'SPLIT',
  wait: 'WAIT',
  button: 'BUTTON',
  expose: 'EXPOSE',
  skipIf: 'SKIP REMAINING IF',
  awsLink: 'AWS link',
};

/** What each target can do with each instruction, from their support tables, as a table in Markdown. */
export function compatibilityTable(targets: readonly Target[]): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const kinds = Object.keys(instructions) as StepKind[];
  return [
    row(['Instruction', ...targets.map(({ title }) => title)]),
    row(['---', ...targets.map(() => '---')]),
    ...kinds.map((kind) => row([`\`${instructions[kind]}\``, ...targets.map(({ support }) => cell(support[kind]))])),
  ].join('\n');
}

function cell(answer: Support | ConditionalSupport<never>): string {
  const usually = 'usually' in answer ? answer.usually : answer;
  const more = 'usually' in answer ? ' *' : '';
  switch (usually.level) {
    case 'native':
      return `the same${more}`;
    case 'emulated':
      return `${usually.how.replaceAll('|', '\\|')}${more}`;
    case 'unsupported':
      return `no: ${usually.why.replaceAll('|', '\\|')}${more}`;
  }
}

const begin = '<!-- compatibility:begin -->';
const end = '<!-- compatibility:end -->';

/** A page with the table between its markers. Throws where it has none. */
export function withCompatibility(page: string, targets: readonly Target[]): string {
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error(`the page has no ${begin}`);
  const note = '\\* depends on the instruction: `layer compile` says so where it stands.';
  const lines = [
    begin,
    '<!-- prettier-ignore-start -->',
    '',
    compatibilityTable(targets),
    '',
    note,
    '',
    '<!-- prettier-ignore-end -->',
    '',
  ];
  return page.slice(0, from) + lines.join('\n') + page.slice(to);
}
