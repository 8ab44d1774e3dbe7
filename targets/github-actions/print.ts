import { Document, isMap, isPair, isScalar, isSeq, type Node, type Pair, type Scalar, type YAMLMap } from 'yaml';
import type { Job, Permissions, Workflow, WorkflowStep } from './workflow.ts';

/**
 * A workflow as YAML 1.1, which is how GitHub reads it. `head` are the lines of the comment at the top. Every value is written by the
 * YAML library; steps that several jobs share are written once and set in.
 */
export function printWorkflow(workflow: Workflow, head: readonly string[]): string {
  const { name, on, permissions, concurrency, env, jobs } = workflow;
  const top = documentOf({ name, on, permissions: accesses(permissions), concurrency, env });
  top.commentBefore = head.map((line) => ` ${line}`).join('\n');
  if (isMap(top.contents)) {
    for (const pair of top.contents.items.slice(1)) if (isPair(pair) && isScalar(pair.key)) pair.key.spaceBefore = true;
  }
  const steps = new StepTexts();
  const texts = Object.entries(jobs).map(([id, job]) => jobText(id, job, steps));
  return `${textOf(top)}\njobs:\n${texts.join('\n')}`;
}

function jobText(id: string, job: Job, texts: StepTexts): string {
  const { comment, permissions, steps, ...rest } = job;
  const document = documentOf({ [id]: sorted({ ...rest, permissions: accesses(permissions) }, jobKeys) });
  const [pair] = pairsOf(document.contents);
  if (pair !== undefined && comment !== null) pair.key.commentBefore = ` ${comment}`;
  if (isMap(pair?.value)) commentPermissions(pair.value, permissions);
  return `${indented(textOf(document), 2)}    steps:\n${steps.map((step) => texts.of(step)).join('')}`;
}

/** Steps as items of a job's sequence, set in as they stand there; each distinct one is written once. */
class StepTexts {
  readonly #written = new Map<string, string>();

  of(step: WorkflowStep): string {
    const { comment, usesComment, ...rest } = step;
    const same = JSON.stringify(step);
    const known = this.#written.get(same);
    if (known !== undefined) return known;
    const document = documentOf([sorted(rest, stepKeys)]);
    const item = isSeq(document.contents) ? document.contents.items[0] : null;
    if (isMap(item)) {
      const used = item.get('uses', true);
      if (usesComment !== undefined && isScalar(used)) used.comment = ` ${usesComment}`;
    }
    const text = indented(`${comment === undefined ? '' : `# ${comment}\n`}${textOf(document)}`, 6);
    this.#written.set(same, text);
    return text;
  }
}

/** Made once: it is most of what a small document costs. */
const { schema } = new Document(null, { version: '1.1', schema: 'yaml-1.1' });

function documentOf(value: unknown): Document<Node> {
  return new Document(value, { version: '1.1', schema, aliasDuplicateObjects: false });
}

function textOf(document: Document<Node>): string {
  return document.toString({ lineWidth: 0, flowCollectionPadding: false, directives: false });
}

/** Lines set in by so many blanks; empty ones stay empty, as in any block of YAML they may. */
function indented(text: string, blanks: number): string {
  return text.replace(/(^|\n)(?!\n|$)/g, `$1${' '.repeat(blanks)}`);
}

const jobKeys = [
  ...['name', 'needs', 'if', 'runs-on', 'container', 'environment', 'timeout-minutes', 'permissions', 'outputs'],
  ...['strategy', 'env', 'defaults'],
];
const stepKeys = ['name', 'id', 'if', 'uses', 'with', 'background', 'cancel', 'shell', 'env', 'run'];

function sorted(value: object, keys: readonly string[]): Record<string, unknown> {
  const place = ([key]: [string, unknown]) => keys.indexOf(key);
  return Object.fromEntries(Object.entries(value).sort((a, b) => place(a) - place(b)));
}

function accesses(permissions: Permissions): Record<string, string> {
  return Object.fromEntries(Object.entries(permissions).map(([scope, { access }]) => [scope, access]));
}

function commentPermissions(node: YAMLMap, permissions: Permissions): void {
  for (const { key, value } of pairsOf(node.get('permissions'))) {
    const why = permissions[String(key.value)]?.why ?? null;
    if (why !== null && isScalar(value)) value.comment = ` ${why}`;
  }
}

function pairsOf(node: unknown): readonly Pair<Scalar, unknown>[] {
  return isMap(node) ? (node.items as Pair<Scalar, unknown>[]) : [];
}
