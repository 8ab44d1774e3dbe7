import type { Layer } from '../../src/ir/ir.ts';
import { argumentWord } from '../shell/quote.ts';
import { buildCache, repeatsBuild } from './builds.ts';
import { cacheName, restoreCache, saveCache, type JobCache } from './cache.ts';
import { markAtOnce, noImage, takeImage, type ImageJobs } from './images.ts';
import type { PlannedJob } from './jobs.ts';
import type { RunsOn } from './machine.ts';
import type { CutChain, PlacedStep } from './parts.ts';
import { uses } from './pins.ts';
import { prepareSteps } from './prepare.ts';
import { call, dressed, translateStep, type BackgroundMode } from './steps.ts';
import { plain, type WorkflowStep } from './workflow.ts';

/** What the steps of a job depend on. */
export interface PartJob {
  readonly job: PlannedJob;
  readonly cut: CutChain;
  /** Which part. */
  readonly index: number;
  readonly background: BackgroundMode;
  /** The jobs that say whether there is an image of the parents; null where the job never starts from one. */
  readonly images: ImageJobs | null;
  /** Whether what it leaves becomes an image. */
  readonly becomesImage: boolean;
}

/** All steps of a job: the checkout, what it takes over, what it runs, caches, the end of what runs in the background, what it hands over. */
export function stepsOfPart({ job, cut, index, background, images, becomesImage }: PartJob): readonly WorkflowStep[] {
  const state = new Translation({ background, job, images });
  const last = index === cut.parts.length - 1;
  const handsOver = !last || job.handsOver;
  const inherited = job.chain.slice(0, job.chain.length - job.own.length);
  state.remember(placed(inherited));
  const base = job.from === null ? [] : takeOver(job.from, lastPart);
  const common = state.translate(cut.common);
  for (const part of cut.parts.slice(0, index)) state.remember(part.steps);
  const renewed = state.renew();
  const own = state.translate(cut.parts[index]?.steps ?? []);
  const before = index === 0 ? [] : takeOver(job, index - 1);
  const mark: readonly WorkflowStep[] = handsOver ? [{ ...call('mark'), name: 'mark what changes from here on' }] : [];
  const prepared = prepareSteps({
    chain: job.chain,
    inContainer: job.machine?.image !== null,
    memoryBytes: job.memoryBytes,
  });
  // What a job hands to its children is all that differs from the base machine; to the job behind a BUTTON, what differs from the parents.
  if (becomesImage) {
    // What the base machine lacks belongs to the image, too.
    return [
      { ...markAtOnce },
      ...prepared,
      ...own,
      ...state.caches.flatMap((cache) => saveCache(cache, job.split)),
      ...handOver(job, lastPart),
    ];
  }
  const start = job.handsOver ? [...mark, ...base, ...common] : [...base, ...common, ...mark];
  return [
    ...prepared,
    ...start,
    ...before,
    ...renewed,
    ...own,
    ...state.caches.flatMap((cache) => saveCache(cache, job.split)),
    ...(last ? [] : [{ ...call('skipped'), id: 'skipped', name: 'was the rest skipped?' }]),
    ...(handsOver ? handOver(job, last ? lastPart : index) : []),
    ...state.endings,
  ];
}

function placed(layers: readonly Layer[]): readonly PlacedStep[] {
  return layers.flatMap((layer) => layer.steps.map((step) => ({ layer, step })));
}

/** Goes through steps in order and keeps what later ones depend on. */
class Translation {
  readonly caches: JobCache[] = [];
  readonly endings: WorkflowStep[] = [];
  readonly #secrets = new Set<string>();
  #aws: PlacedStep | null = null;
  readonly #background: BackgroundMode;
  readonly #machine: RunsOn | null;
  readonly #images: ImageJobs | null;
  readonly #imaged: ReadonlySet<Layer>;
  #layer: Layer | null = null;
  #gated = false;
  #number = 0;

  constructor({ background, job, images }: Pick<PartJob, 'background' | 'job' | 'images'>) {
    this.#background = background;
    this.#machine = job.machine;
    this.#images = images;
    this.#imaged = new Set(job.imaged?.chain ?? []);
  }

  /** Steps that an earlier job ran: only what they say of later ones counts. */
  remember(steps: readonly PlacedStep[]): void {
    for (const { layer, step } of steps) {
      if (layer !== this.#layer) this.#gated &&= false;
      this.#layer = layer;
      if (step.kind === 'secretEnv') for (const { name } of step.names) this.#secrets.add(name);
      if (step.kind === 'skipIf') this.#gated = true;
      if (step.kind === 'awsLink') this.#aws = { layer, step };
    }
  }

  /** What an earlier job got for itself alone: the credentials of AWS. */
  renew(): readonly WorkflowStep[] {
    if (this.#aws === null) return [];
    const { layer, step } = this.#aws;
    const context = { layer, secrets: [], gated: false, unless: [], background: this.#background, number: 0 };
    return translateStep(step, context).slice(0, 1);
  }

  translate(steps: readonly PlacedStep[]): readonly WorkflowStep[] {
    return steps.flatMap((one) => this.#step(one));
  }

  #step({ layer, step }: PlacedStep): readonly WorkflowStep[] {
    const before: WorkflowStep[] = [];
    if (layer !== this.#layer) {
      const leaves = this.#layer !== null && this.#imaged.has(this.#layer) && !this.#imaged.has(layer);
      if (leaves && this.#images !== null) before.push(...takeImage(this.#images));
      if (this.#gated) before.push({ ...call('unskip'), name: plain(`go on with /${layer.path}`) });
      this.#gated = false;
      this.#layer = layer;
    }
    this.#number += 1;
    const number = this.#number;
    const background = this.#background;
    const unless = this.#images !== null && this.#imaged.has(layer) ? [noImage(this.#images)] : [];
    const context = { layer, secrets: [...this.#secrets], gated: this.#gated, unless, background, number };
    const steps = translateStep(step, context);
    if (step.kind === 'secretEnv') for (const { name } of step.names) this.#secrets.add(name);
    if (step.kind === 'skipIf') this.#gated = true;
    if (step.kind === 'cache') {
      const cache: JobCache = { step, number, name: cacheName(step) };
      this.caches.push(cache);
      return [...before, ...restoreCache(cache).map((one) => dressed(one, step, context))];
    }
    if (step.kind === 'run' && repeatsBuild(step, this.#machine)) {
      const kept = buildCache(step);
      const cache: JobCache = { step: kept, number, name: cacheName(kept) };
      this.caches.push(cache);
      const restored = restoreCache(cache).map((one) =>
        dressed({ ...one, name: `${step.title}: its layers` }, step, context),
      );
      const shell = `layer-sh building ${kept.paths.map(argumentWord).join('')} {0}`;
      return [...before, ...restored, ...steps.map((one) => ({ ...one, shell }))];
    }
    if (step.kind === 'run' && step.mode === 'background') {
      const name = `background-${number}`;
      const ending: WorkflowStep =
        background === 'native'
          ? { name: `end of ${plain(step.title)}`, cancel: name }
          : { ...call('background-stop', name), name: `end of ${plain(step.title)}`, if: 'always()' };
      this.endings.push(ending);
    }
    return [...before, ...steps];
  }
}

export const lastPart = 'end';

/** What a job left, by its first job's id and the part; a job of a SPLIT by its copy too. */
export function artifact({ id, split }: PlannedJob, part: number | typeof lastPart): string {
  return `layer-${id}-${part}${split ? '-${{ matrix.SPLIT }}' : ''}`;
}

function handOver(job: PlannedJob, part: number | typeof lastPart): readonly WorkflowStep[] {
  return [
    { ...call('hand-over'), name: 'pack what this job changed' },
    {
      name: 'hand it on',
      ...uses('actions/upload-artifact'),
      with: {
        name: artifact(job, part),
        path: '__layer_state/state.tar',
        'retention-days': part === lastPart ? 1 : 30,
      },
    },
  ];
}

function takeOver(job: PlannedJob, part: number | typeof lastPart): readonly WorkflowStep[] {
  return [
    {
      name: plain(`take over what ${job.id} left`),
      ...uses('actions/download-artifact'),
      with: { name: artifact(job, part), path: '__layer_state' },
    },
    { ...call('take-over'), name: 'lay it into place' },
  ];
}
