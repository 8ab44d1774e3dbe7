import type { Layer, LayerId, Plan } from '../../ir/ir.ts';
import { copiesOf, runnersOf } from '../../ir/runners.ts';
import { chainOf, type Chain, type ChainStep } from '../chain.ts';
import type { Mode, RunContext } from '../context.ts';
import type { Listener, RunnerName } from '../events.ts';
import { isWorking } from '../instruction.ts';
import { failureKey } from '../key.ts';
import { keyStep, lookUp, resultAt, type Hit, type KeyedStep } from '../lookup.ts';
import { runnerName } from '../names.ts';
import { portsFor, type RunPorts } from '../ports.ts';
import { startPosition, type Position } from '../position.ts';
import { rootOn } from '../root.ts';
import { nothingForced } from '../run.ts';
import { createSharing } from '../sharing.ts';
import { createSlots } from '../slots.ts';
import { passed, steer } from '../steer.ts';
import type { Instance, InstanceId } from '../store.ts';
import { walk } from '../walk.ts';

/** What a run would do with a step if it began now. */
export type Verdict =
  | { readonly kind: 'skip' }
  /** `cause`: its own; `follows`: a step before it runs. */
  | { readonly kind: 'run'; readonly reason: string; readonly because: 'cause' | 'follows' }
  /** It steers (WAIT, SPLIT, BUILD ENV …) and leaves nothing to keep. */
  | { readonly kind: 'pass' }
  | { readonly kind: 'press' }
  /** A SKIP REMAINING IF before it holds. */
  | { readonly kind: 'left out' };

/** A step of a chain as a run would find it. */
export interface SurveyedStep {
  readonly chainStep: ChainStep;
  /** What its lines are called; of the copies of a SPLIT, what they have in common. */
  readonly runner: RunnerName;
  /** What holds before it: of this run where all before it hold, else as the newest results have it; null where those are unknown. */
  readonly before: Position | null;
  readonly after: Position | null;
  readonly keyed: KeyedStep | null;
  /** The machine as this step left it when it failed, where that was kept since and all before it holds; null where there is none. */
  readonly failure: Position | null;
  /** The result that holds now, else the newest that is left; null where there is none. */
  readonly instance: Instance | null;
  /** Whether `instance` and all before it hold now. */
  readonly holds: boolean;
  readonly verdict: Verdict;
}

/** A runner as a run would find it. */
export interface SurveyedRunner {
  readonly name: RunnerName;
  readonly chain: Chain;
  readonly context: RunContext;
  /** Its whole chain, parents' steps first. */
  readonly steps: readonly SurveyedStep[];
  /** Every position as far as all holds; the first is the root. Empty where the base machine is not known here. */
  readonly trail: readonly Position[];
}

export interface Survey {
  readonly plan: Plan;
  readonly layers: readonly Layer[];
  readonly ports: RunPorts;
  readonly mode: Mode;
  readonly signal: AbortSignal;
  readonly emit: Listener;
  /** This survey's own id, random. */
  readonly run: string;
}

/** Goes over all runners as a run would, and beyond what holds with the newest results that are left; runs and boots nothing. */
export async function survey(request: Survey): Promise<readonly SurveyedRunner[]> {
  const { plan, layers } = request;
  const clones = new Map<string, ReturnType<RunContext['clone']>>();
  const surveyed: SurveyedRunner[] = [];
  for (const runner of runnersOf(plan)) {
    const layer = layers.find((one) => one.id === runner.layer);
    if (!layer) continue;
    const name = runnerName(runner, layer, copiesOf(plan, layer.id));
    const context = contextOf(request, { name, chain: chainOf(plan, layer.id), copy: runner.copy, clones });
    surveyed.push(await surveyRunner(context));
  }
  return surveyed;
}

function contextOf(
  { ports, mode, signal, emit, run }: Survey,
  own: {
    readonly name: RunnerName;
    readonly chain: Chain;
    readonly copy: number | null;
    readonly clones: Map<string, ReturnType<RunContext['clone']>>;
  },
): RunContext {
  const { name, chain, copy, clones } = own;
  return {
    ...{
      ports: portsFor(ports, chain),
      runner: name,
      chain,
      mode,
      trees: mode.kind === 'look' ? mode.trees : mode.inputs,
    },
    ...{ root: null, forced: nothingForced, slots: createSlots(Infinity), signal, emit, copy, run },
    sharing: createSharing(),
    startNs: BigInt(ports.clock.now()) * 1_000_000n,
    pressed: new Set(),
    awaited: async () => null,
    clone(source) {
      const key = JSON.stringify([source.url, source.defaultBranch]);
      const known = clones.get(key) ?? ports.inputs.clone(source, signal);
      clones.set(key, known);
      return known;
    },
    press: async () => 'nobody',
  };
}

async function surveyRunner(rootless: RunContext): Promise<SurveyedRunner> {
  const { chain, ports, runner } = rootless;
  const digest = await ports.bases.digest(chain.machine);
  const context: RunContext = { ...rootless, root: digest === null ? null : rootOn(digest, rootless) };
  const root = context.root === null ? null : startPosition(context.root.id);
  const state: Walk = {
    position: root,
    cause: digest === null ? `the base machine ${chain.machine.name} is not here yet` : null,
    told: false,
    pressed: false,
    preferred: root === null ? new Set() : await foundBy(root, context),
  };
  const steps: SurveyedStep[] = [];
  const trail: Position[] = root === null ? [] : [root];
  const split = chain.steps.findIndex(({ step }) => step.kind === 'split');
  for (const chainStep of chain.steps) {
    const shared = chainStep.index < split && split >= chain.own;
    const name = shared ? wholeName(chain.layer, runner) : runner;
    const one = await surveyStep(chainStep, state, context);
    steps.push({ ...one, chainStep, runner: name });
    if (one.after !== null && state.cause === null && one.verdict.kind !== 'left out') trail.push(one.after);
  }
  return { name: runner, chain, context, trail, steps: withUnkept(steps, trail) };
}

/** How far a survey has come. */
interface Walk {
  position: Position | null;
  /** Why a run would do work; null while all holds. */
  cause: string | null;
  /** A step has been told the cause. */
  told: boolean;
  /** It comes after a BUTTON. */
  pressed: boolean;
  /** What a run would take where several hold. */
  readonly preferred: ReadonlySet<InstanceId>;
}

function choose(
  { first, others }: { readonly first: Hit; others(): readonly Hit[] },
  preferred: ReadonlySet<InstanceId>,
): Hit {
  if (preferred.has(first.instance.id)) return first;
  return others().find(({ instance }) => preferred.has(instance.id)) ?? first;
}

async function foundBy(root: Position, context: RunContext): Promise<ReadonlySet<InstanceId>> {
  const { found } = await walk(context.chain.steps.length, { trail: [root], context });
  return new Set(found.flatMap(({ instance }) => instance?.id ?? []));
}

type Seen = Omit<SurveyedStep, 'chainStep' | 'runner'>;

async function surveyStep(chainStep: ChainStep, state: Walk, context: RunContext): Promise<Seen> {
  const before = state.position;
  const seen = (verdict: Verdict, change: Partial<Seen> = {}): Seen => ({
    ...{ before, after: state.position, keyed: null, failure: null, instance: null, holds: false, verdict },
    ...change,
  });
  const mustRun = (): Verdict => {
    const because = state.told ? 'follows' : 'cause';
    state.told = true;
    return { kind: 'run', reason: because === 'cause' ? (state.cause ?? '') : 'a step before it runs', because };
  };
  if (before !== null && before.next > chainStep.index) return seen({ kind: 'left out' });
  if (!isWorking(chainStep.step)) {
    if (before === null) return seen({ kind: 'pass' });
    const steered = steer(chainStep, before, context);
    const next = steered.kind === 'on' ? steered.position : passed(chainStep, before, context).position;
    state.position = next;
    if (steered.kind !== 'button') return seen({ kind: 'pass' }, { after: next });
    state.cause ??= 'it comes after a BUTTON';
    return seen({ kind: 'press' }, { after: next });
  }
  if (before === null) return seen(mustRun());
  const keyed = await keyStep(chainStep, before, context);
  if ('wrong' in keyed) {
    state.cause ??= keyed.wrong;
    state.position = null;
    return seen(mustRun(), { after: null });
  }
  const looked = await lookUp(keyed, before, context);
  const found = looked.kind === 'miss' ? looked : choose(looked, state.preferred);
  if (found.kind === 'hit') {
    state.position = found.position;
    const holds = state.cause === null;
    const verdict: Verdict = holds ? { kind: 'skip' } : mustRun();
    return seen(verdict, { after: found.position, keyed, instance: found.instance, holds });
  }
  const failure = state.cause === null ? await failureAt(keyed, before, context) : null;
  state.cause ??= found.reason;
  const { nearest } = found;
  state.position = nearest === null ? null : resultAt(nearest, keyed, { position: before, context });
  return seen(mustRun(), { after: state.position, keyed, failure, instance: nearest });
}

async function failureAt(keyed: KeyedStep, before: Position, { ports }: RunContext): Promise<Position | null> {
  const [last] = await ports.store.candidates(failureKey(keyed.key));
  if (!last || last.data === null) return null;
  const { id: instance, state, data } = last;
  return { ...before, next: before.next + 1, instance, state, data, notKept: null };
}

/** Where work begins before the first step that misses, because nothing was kept in between: those steps run too. */
function withUnkept(steps: readonly SurveyedStep[], trail: readonly Position[]): readonly SurveyedStep[] {
  const works = steps.some(({ verdict }) => verdict.kind === 'run');
  const resume = trail.findLast((one) => one.data !== null)?.next ?? 0;
  if (!works) return steps;
  const unkept = trail.find((one) => one.next > resume && one.data === null);
  const reason =
    unkept === undefined || unkept.notKept === null
      ? 'no snapshot was kept after it'
      : `nothing was kept after it: ${unkept.notKept}`;
  let told = false;
  return steps.map((one): SurveyedStep => {
    if (one.verdict.kind !== 'skip' || one.chainStep.index < resume) return one;
    const because = told ? 'follows' : 'cause';
    told = true;
    return {
      ...one,
      verdict: { kind: 'run', reason: because === 'cause' ? reason : 'a step before it runs', because },
    };
  });
}

/** The name of what all copies of a SPLIT have in common. */
function wholeName(layer: Layer, copy: RunnerName): RunnerName {
  const id: LayerId = layer.id;
  return runnerName({ id: copy.copy === 0 ? copy.id : id, layer: id, copy: null }, layer, null);
}
