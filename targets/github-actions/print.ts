import { Document, isMap, isPair, isScalar, isSeq, type Pair, type Scalar, type YAMLMap } from 'yaml';
import type { Job, Permissions, Workflow, WorkflowStep } from './workflow.ts';

/** A workflow as YAML 1.1, which is how GitHub reads it. `head` are the lines of the comment at the top. */
export function printWorkflow(workflow: Workflow, head: readonly string[]): string {
  const { permissions, jobs, ...rest } = workflow;
  const document = new Document(
    {
      name: rest.name,
      on: rest.on,
      permissions: accesses(permissions),
      concurrency: rest.concurrency,
      env: rest.env,
      jobs: Object.fromEntries(Object.entries(jobs).map(([id, job]) => [id, jobDocument(job)])),
    },
    { version: '1.1', schema: 'yaml-1.1', aliasDuplicateObjects: false },
  );
  document.commentBefore = head.map((line) => ` ${line}`).join('\n');
  if (isMap(document.contents)) {
    for (const pair of document.contents.items.slice(1)) {
      if (isPair(pair) && isScalar(pair.key)) pair.key.spaceBefore = true;
    }
  }
  for (const [index, pair] of pairsOf(document.get('jobs')).entries()) {
    const job = jobs[String(pair.key.value)];
    if (job === undefined) continue;
    if (index > 0) pair.key.spaceBefore = true;
    if (job.comment !== null) pair.key.commentBefore = ` ${job.comment}`;
    if (isMap(pair.value)) commentJob(pair.value, job);
  }
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

function jobDocument(job: Job): Record<string, unknown> {
  const { comment: _comment, permissions, steps, ...rest } = job;
  return sorted({ ...rest, permissions: accesses(permissions), steps: steps.map(stepDocument) }, jobKeys);
}

function stepDocument({ comment: _comment, usesComment: _tag, ...step }: WorkflowStep): Record<string, unknown> {
  return sorted(step, stepKeys);
}

const jobKeys = [
  ...['name', 'needs', 'if', 'runs-on', 'container', 'environment', 'timeout-minutes', 'permissions', 'outputs'],
  ...['strategy', 'env', 'defaults', 'steps'],
];
const stepKeys = ['name', 'id', 'if', 'uses', 'with', 'background', 'cancel', 'shell', 'env', 'run'];

function sorted(value: object, keys: readonly string[]): Record<string, unknown> {
  const place = ([key]: [string, unknown]) => keys.indexOf(key);
  return Object.fromEntries(Object.entries(value).sort((a, b) => place(a) - place(b)));
}

function accesses(permissions: Permissions): Record<string, string> {
  return Object.fromEntries(Object.entries(permissions).map(([scope, { access }]) => [scope, access]));
}

function commentJob(node: YAMLMap, job: Job): void {
  for (const { key, value } of pairsOf(node.get('permissions'))) {
    const why = job.permissions[String(key.value)]?.why ?? null;
    if (why !== null && isScalar(value)) value.comment = ` ${why}`;
  }
  const steps = node.get('steps');
  if (!isSeq(steps)) return;
  for (const [index, item] of steps.items.entries()) {
    const step = job.steps[index];
    if (step !== undefined && isMap(item)) commentStep(item, step);
  }
}

function commentStep(node: YAMLMap, step: WorkflowStep): void {
  if (step.comment !== undefined) node.commentBefore = ` ${step.comment}`;
  const used = node.get('uses', true);
  if (step.usesComment !== undefined && isScalar(used)) used.comment = ` ${step.usesComment}`;
}

function pairsOf(node: unknown): readonly Pair<Scalar, unknown>[] {
  return isMap(node) ? (node.items as Pair<Scalar, unknown>[]) : [];
}
