import type { ChainStep } from './chain.ts';
import type { RunContext } from './context.ts';
import { isSecret, valueAt } from './environment.ts';
import { expandStep, isWorking, type Instruction } from './instruction.ts';
import { keyDifference, keyParts, secretDigest, stepKey, type KeyPart, type StepFacts } from './key.ts';
import type { Verdict } from './ports.ts';
import type { Position } from './position.ts';
import { brokenPaths, brokenRead, namedReason } from './reads.ts';
import { seal } from './seal.ts';
import { writtenDown } from './written-down.ts';
import type { Instance, StepKey } from './store.ts';
import { openView } from './view/open.ts';
import type { View } from './view/view.ts';

/** A step at a position, ready to be looked up or run. */
export interface KeyedStep {
  readonly instruction: Instruction;
  readonly key: StepKey;
  readonly parts: readonly KeyPart[];
  /**
   * What it is made under on a machine where files show times of their own, though nothing in its own Layerfile wants that: a chain without those never
   * finds it. Null where the key says it already, or no machine of the chain is such.
   */
  readonly dated: Pick<KeyedStep, 'key' | 'parts'> | null;
  /** Nothing but the base machine is before it. */
  readonly first: boolean;
  /** The id of the Layerfile that the step stands in. */
  readonly layer: string;
  /** The step itself, as a run's history names it. */
  readonly named: { readonly file: string; readonly title: string };
  /** The tree that a COPY or CLONE opens; null for other steps. */
  readonly tree: string | null;
}

/** Expands a working step and makes its key; why it cannot be done where it is wrong or its clone cannot be had. */
export async function keyStep(
  chainStep: ChainStep,
  position: Position,
  context: RunContext,
): Promise<KeyedStep | { readonly wrong: string }> {
  const { step, layer } = chainStep;
  if (!isWorking(step)) throw new Error(`${step.kind} has no key`);
  const value = (name: string) => valueAt(name, position, context);
  const secret = writtenDown(step, {
    layer,
    state: position.state,
    isSecret: (name) => isSecret(name, position, context),
  });
  if (secret !== null) {
    return {
      wrong: `the secret $${secret} would be written down here; use it in a RUN, where it stays in the environment`,
    };
  }
  const expand = (lookUp: (name: string) => string | null) =>
    expandStep(step, { layer, state: position.state, lookUp });
  const instruction = expand(value);
  if (instruction.kind === 'wrong') return { wrong: instruction.why };
  const shown = expand((name) => (isSecret(name, position, context) ? keyValue(name, position, context) : value(name)));
  const first = context.root !== null && position.instance === context.root.id;
  const persistent = chainStep.index >= context.chain.persistentFrom;
  const facts: StepFacts = {
    instruction: withoutSecrets(JSON.stringify(shown), position, context),
    buildEnv: Object.fromEntries(position.buildEnv.map((name) => [name, keyValue(name, position, context)])),
    cwd: position.state.cwd,
    user: position.state.user,
    secretsSet: secretsInForce(position, context),
    mtime: persistent ? 'persistent' : 'plain',
  };
  const under = (these: StepFacts): Pick<KeyedStep, 'key' | 'parts'> => {
    const parts = [...(first && context.root ? context.root.parts : []), ...keyParts(these)];
    return { parts, key: stepKey(position.instance, parts) };
  };
  const isDated = !persistent && context.chain.persistentFrom < context.chain.steps.length;
  const dated = isDated ? under({ ...facts, mtime: 'persistent' }) : null;
  const tree = await treeOf(instruction, context);
  if (typeof tree === 'object' && tree !== null) return tree;
  const named = { file: step.span.file.path, title: step.title };
  return { ...under(facts), dated, instruction, tree, first, layer: layer.id, named };
}

/** Names of what could be a secret in the machine at a position. */
export function secretsInForce({ secretEnv, aws }: Position, { ports }: RunContext): readonly string[] {
  return [...secretEnv.filter((name) => ports.secrets.value(name) !== null), ...(aws === null ? [] : ['AWS link'])];
}

/** Arguments as expanded may hold a secret, and keys are kept: its digest stands in its place. */
function withoutSecrets(json: string, { secretEnv }: Position, { ports }: RunContext): string {
  const { secrets, store } = ports;
  const known = secretEnv.flatMap((name) => {
    const value = secrets.value(name);
    return value === null ? [] : [[name, JSON.stringify(value).slice(1, -1)] as const];
  });
  const sealed = seal(json, Object.fromEntries(known));
  const digest = (name: string): string => secretDigest(secrets.value(name) ?? '', store.hmacKey);
  return sealed
    .map((part) => (typeof part === 'string' ? part : 'secret' in part ? digest(part.secret) : part.encrypted))
    .join('');
}

function keyValue(name: string, position: Position, context: RunContext): string | null {
  const value = valueAt(name, position, context);
  if (value === null) return null;
  const { secrets, store } = context.ports;
  const secret =
    position.secretEnv.includes(name) ||
    position.secretEnv.some((one) => value.includes(secrets.value(one) || '\0')) ||
    isSecret(name, position, context);
  return secret ? secretDigest(value, store.hmacKey) : `=${value}`;
}

async function treeOf(
  instruction: Instruction,
  context: RunContext,
): Promise<string | null | { readonly wrong: string }> {
  if (instruction.kind === 'copy') return instruction.tree;
  if (instruction.kind !== 'clone') return null;
  const clone = await context.clone(instruction);
  return 'failure' in clone ? { wrong: clone.failure } : clone.tree;
}

/** What a look into the store found. */
export type Lookup =
  /** `reads`: how many observations hold. */
  | { readonly kind: 'hit'; readonly instance: Instance; readonly position: Position; readonly reads: number }
  /** `nearest`: the instance that the reason is about; null where there is none with this key. */
  | { readonly kind: 'miss'; readonly reason: string; readonly nearest: Instance | null };

export type Hit = Extract<Lookup, { kind: 'hit' }>;

/**
 * The newest instance of a step whose observations all hold on this run's trees, and (`others`, checked when asked for) the older ones; where there is
 * none, why.
 */
export async function lookUp(
  keyed: KeyedStep,
  position: Position,
  context: RunContext,
): Promise<
  { readonly kind: 'hits'; readonly first: Hit; others(): readonly Hit[] } | Extract<Lookup, { kind: 'miss' }>
> {
  const { store } = context.ports;
  const candidates = await candidatesOf(keyed, context);
  const missed: Missed[] = [];
  for (const [index, instance] of candidates.entries()) {
    const found = check(instance, keyed, { position, context });
    if (found.kind === 'hit') {
      return {
        kind: 'hits',
        first: found,
        others: () => hitsAmong(candidates.slice(index + 1), keyed, { position, context }),
      };
    }
    missed.push({ instance, reason: found.reason });
  }
  const near = nearest(missed, keyed, { position, context });
  if (near !== null) return { kind: 'miss', reason: near.reason, nearest: near.instance };
  const { file, title } = keyed.named;
  if (context.ports.failedBefore.some((one) => one.file === file && one.title === title))
    return { kind: 'miss', reason: 'it failed the last time', nearest: null };
  const siblings = await store.siblings(keyed.first ? null : position.instance, keyed.layer);
  return { kind: 'miss', reason: keyDifference(keyed.parts, siblings), nearest: null };
}

interface Missed {
  readonly instance: Instance;
  readonly reason: string;
}

/** Instances that were used last are compared; one is enough most of the time. */
const mostCompared = 4;

/** Of instances that do not hold, the one of which fewest paths are others now; of equal ones the last that was used: a person remembers that state. */
function nearest(
  missed: readonly Missed[],
  keyed: KeyedStep,
  { position, context }: { readonly position: Position; readonly context: RunContext },
): Missed | null {
  const [last = null, ...others] = missed.toSorted((a, b) => b.instance.usedAt - a.instance.usedAt);
  if (last === null) return null;
  const viewsOf = ({ instance }: Missed): readonly View[] => {
    const view = viewOf(instance, keyed, context);
    return view === null ? position.views : [...position.views, view];
  };
  let best = { one: last, paths: Infinity };
  for (const one of others.length === 0 ? [] : [last, ...others].slice(0, mostCompared)) {
    const paths = brokenPaths(one.instance.observations, { views: viewsOf(one), most: best.paths });
    if (paths < best.paths) best = { one, paths };
  }
  const { instance, reason } = best.one;
  return { instance, reason: namedReason(instance.observations, viewsOf(best.one)) ?? reason };
}

async function candidatesOf({ key, dated }: KeyedStep, { ports }: RunContext): Promise<readonly Instance[]> {
  const plain = await ports.store.candidates(key);
  return dated === null ? plain : [...plain, ...(await ports.store.candidates(dated.key))];
}

/** All instances of a step that hold now, newest first. */
export async function holding(keyed: KeyedStep, position: Position, context: RunContext): Promise<readonly Hit[]> {
  return hitsAmong(await candidatesOf(keyed, context), keyed, { position, context });
}

function hitsAmong(
  candidates: readonly Instance[],
  keyed: KeyedStep,
  { position, context }: { readonly position: Position; readonly context: RunContext },
): readonly Hit[] {
  return candidates.flatMap((instance): readonly Hit[] => {
    const found = check(instance, keyed, { position, context });
    return found.kind === 'hit' ? [found] : [];
  });
}

function check(
  instance: Instance,
  keyed: KeyedStep,
  { position, context }: { readonly position: Position; readonly context: RunContext },
): Lookup {
  const view = viewOf(instance, keyed, context);
  const views = view === null ? position.views : [...position.views, view];
  const verdicts = context.mode.kind === 'look' ? context.mode.trees.verdicts : null;
  const subject = verdicts === null ? null : subjectOf(instance, views);
  let verdict = subject === null ? null : (verdicts?.find(subject) ?? null);
  if (verdict === null) {
    verdict = judge(instance, { view, views });
    if (subject !== null) verdicts?.add(subject, verdict);
  }
  if (!verdict.holds) return { kind: 'miss', reason: verdict.reason, nearest: instance };
  return { kind: 'hit', instance, position: after(instance, keyed, { position, views }), reads: verdict.reads };
}

function judge(
  instance: Instance,
  { view, views }: { readonly view: View | null; readonly views: readonly View[] },
): Verdict {
  const missing = view?.missing[0];
  if (missing !== undefined) return { holds: false, reason: `${missing} is gone` };
  const broken = brokenRead(instance.observations, views);
  if (broken) return { holds: false, reason: broken.reason };
  return { holds: true, reads: instance.observations.length };
}

/**
 * What a verdict is about: the instance, which stands for its observations and, through its parents, for the views as they were made, and which trees
 * these are of now. Null where a tree has a name that does not say what is in it, and is not the repository.
 */
function subjectOf(instance: Instance, views: readonly View[]): string | null {
  const trees = views.map((one) => one.spec.tree);
  if (trees.some((tree) => tree !== 'repository' && !tree.startsWith('clone:'))) return null;
  return JSON.stringify([instance.id, ...trees]);
}

/** What holds after a step if `instance` is its result, whether or not all that it saw still holds. */
export function resultAt(
  instance: Instance,
  keyed: KeyedStep,
  { position, context }: { readonly position: Position; readonly context: RunContext },
): Position {
  const view = viewOf(instance, keyed, context);
  return after(instance, keyed, { position, views: view === null ? position.views : [...position.views, view] });
}

function after(
  instance: Instance,
  keyed: KeyedStep,
  { position, views }: { readonly position: Position; readonly views: readonly View[] },
): Position {
  return {
    ...position,
    next: position.next + 1,
    instance: instance.id,
    state: instance.state,
    views,
    aws: keyed.instruction.kind === 'awsLink' ? keyed.instruction.region : position.aws,
    data: instance.data,
    notKept: instance.data === null ? (instance.notKept ?? position.notKept) : null,
    found: true,
  };
}

function viewOf(instance: Instance, keyed: KeyedStep, context: RunContext): View | null {
  if (instance.view === null || keyed.tree === null) return null;
  return openView({ ...instance.view, tree: keyed.tree }, context.trees.tree(keyed.tree));
}
