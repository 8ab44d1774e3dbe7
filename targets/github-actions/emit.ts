import type { LayerId, Plan } from '../../src/ir/ir.ts';
import { commentOf, environmentOf, guardJob } from './buttons.ts';
import { engineOutputs, engineSteps, type Engine } from './engine.ts';
import { jobEnvironment, workflowEnvironment } from './environment.ts';
import { freshId, planJobs, type Inheritance, type JobOptions, type PlannedJob } from './jobs.ts';
import { type ImageJobs, builtImage, imageCondition, imageJob, lookUpJob } from './images.ts';
import type { System } from './machine.ts';
import { mergeJob } from './merge.ts';
import { artifact, lastPart, stepsOfPart } from './part-steps.ts';
import { cutChain, type CutChain, type Part } from './parts.ts';
import { visible, type BackgroundMode } from './steps.ts';
import { plain, readContents, type Job, type Permissions, type Workflow } from './workflow.ts';

/** How a workflow is emitted. */
export interface EmitOptions {
  readonly background: BackgroundMode;
  readonly inherit: Inheritance;
  readonly os: System;
  /** Each job runs `layer run` instead of the instructions' translation; null for the translation. */
  readonly engine: Engine | null;
}

/** The jobs that a Layerfile became, in order, and what must hold for it to have succeeded. */
interface EmittedLayer {
  readonly first: string;
  readonly last: string;
  /** Whether a SKIP REMAINING IF can make the jobs behind a BUTTON stay away, though the Layerfile has succeeded. */
  readonly mayEndEarly: boolean;
}

/** The workflow of a plan. */
export function workflowOf(plan: Plan, options: EmitOptions): Workflow {
  const planned = planJobs(plan, jobOptions(options));
  const emission = new Emission(options, planned);
  for (const job of inWaitOrder(planned)) emission.add(job);
  emission.addMergeJobs();
  const asks = plan.layers.some((layer) => layer.steps.some((step) => step.kind === 'button'));
  return {
    name: 'layer',
    on: {
      push: { branches: ['**'] },
      pull_request: {},
      workflow_dispatch: {
        inputs: { api_extra: { description: 'the value of API_EXTRA', type: 'string', required: false } },
      },
    },
    permissions: {},
    concurrency: {
      group: '${{ github.workflow }}-${{ github.event.pull_request.number || github.ref }}',
      'cancel-in-progress': asks ? false : "${{ github.event_name == 'pull_request' }}",
    },
    env: workflowEnvironment,
    jobs: emission.jobs,
  };
}

/** With the engine, every job makes its parents' state itself. */
export function jobOptions({ engine, inherit, os }: EmitOptions): JobOptions {
  return { inherit: engine === null ? inherit : 'inline', os };
}

/** Jobs after those they wait for or go on from: so `needs` always points up. */
function inWaitOrder(planned: readonly PlannedJob[]): readonly PlannedJob[] {
  const byLayer = new Map(planned.map((job) => [job.layer.id, job]));
  const ordered = new Set<PlannedJob>();
  const add = (job: PlannedJob): void => {
    if (ordered.has(job)) return;
    for (const above of [job.from, job.imaged]) if (above !== null) add(above);
    for (const id of job.waits) {
      const awaited = byLayer.get(id);
      if (awaited !== undefined) add(awaited);
    }
    ordered.add(job);
  };
  planned.forEach(add);
  return [...ordered];
}

/** Adds jobs one after another, and keeps what later ones depend on. */
class Emission {
  readonly jobs: Record<string, Job> = {};
  readonly #options: EmitOptions;
  readonly #taken: Set<string>;
  readonly #paths: ReadonlyMap<LayerId, string>;
  readonly #emitted = new Map<LayerId, EmittedLayer>();
  readonly #images = new Map<PlannedJob, ImageJobs>();
  readonly #merges: {
    readonly job: PlannedJob;
    readonly needs: readonly string[];
    readonly endsEarly: string | null;
  }[] = [];

  constructor(options: EmitOptions, planned: readonly PlannedJob[]) {
    this.#options = options;
    this.#taken = new Set(planned.map((job) => job.id.toLowerCase()));
    this.#paths = new Map(planned.map(({ layer }) => [layer.id, layer.path]));
  }

  /** A Layerfile's jobs, with its buttons' guards. */
  add(job: PlannedJob): void {
    const cut = cutChain(job.own);
    const added: string[] = [];
    let before: string | null = null;
    let skips = false;
    for (const [index, part] of cut.parts.entries()) {
      const id: string = index === 0 ? job.id : this.#name(`${job.id}-after-button`, index);
      const needs: string[] = [];
      const environment = index === 0 ? null : environmentOf(job.id, index);
      let condition = index === 0 ? this.#waitCondition(job, needs) : null;
      if (this.#isImage(job)) {
        const lookUp = freshId(`${job.id}-look-up`, this.#taken);
        this.jobs[lookUp] = lookUpJob(job);
        this.#images.set(job, { lookUp, make: job.id, image: freshId(`${job.id}-image`, this.#taken) });
        needs.push(lookUp);
        condition = `github.event_name == 'push' && needs.${lookUp}.outputs.image == ''`;
      }
      if (part.button !== null && environment !== null && before !== null) {
        const guard = this.#name(`${job.id}-guard`, index);
        condition = skips ? `needs.${before}.outputs.skip != 'true'` : null;
        this.jobs[guard] = guardJob({ job, button: part.button, environment, before, condition });
        added.push(guard);
        needs.push(before, guard);
      }
      this.jobs[id] = this.#job({ job, cut, index, part, needs, condition, environment });
      // Copies may skip one by one: then each step of the next job asks.
      skips ||=
        (this.#options.engine !== null || !job.split) &&
        part.steps.some(({ layer, step }) => step.kind === 'skipIf' && layer === job.layer);
      added.push(id);
      before = id;
    }
    const names = this.#images.get(job);
    if (names !== undefined) this.jobs[names.image] = imageJob(job, { ...names, state: artifact(job, lastPart) });
    const mayEndEarly = skips && cut.parts.length > 1;
    this.#emitted.set(job.layer.id, { first: job.id, last: before ?? job.id, mayEndEarly });
    if (job.layer.labels.status !== 'merge') return;
    this.#merges.push({ job, needs: added, endsEarly: mayEndEarly ? job.id : null });
  }

  /** Whether a job's files become an image that others start from. */
  #isImage(job: PlannedJob): boolean {
    return job.handsOver && this.#options.inherit === 'image' && this.#options.engine === null;
  }

  addMergeJobs(): void {
    for (const { job, needs, endsEarly } of this.#merges) {
      const id = freshId(`${job.id}-merge`, this.#taken);
      this.jobs[id] = {
        ...mergeJob({ name: `${plain(job.layer.id)} (all)`, needs, endsEarly }),
        comment: commentOf(job),
      };
    }
  }

  #name(stem: string, index: number): string {
    return freshId(index === 1 ? stem : `${stem}-${index}`, this.#taken);
  }

  #job(one: {
    readonly job: PlannedJob;
    readonly cut: CutChain;
    readonly index: number;
    readonly part: Part;
    readonly needs: readonly string[];
    readonly condition: string | null;
    readonly environment: string | null;
  }): Job {
    const { job, cut, index, part, environment } = one;
    const { engine } = this.#options;
    const condition = engine?.selfHosted === true ? withoutForks(one.condition) : one.condition;
    const image = engine === null ? (job.machine?.image ?? null) : null;
    const made = job.imaged === null ? undefined : this.#images.get(job.imaged);
    const common = {
      comment: commentOf(job),
      name: nameOf({ job, part, matrix: engine === null && job.split }),
      ...(one.needs.length === 0 ? {} : { needs: one.needs }),
      ...(condition === null ? {} : { if: condition }),
      'runs-on': engine === null ? (job.machine?.label ?? '') : engine.runsOn,
      ...(image === null ? {} : { container: { image: made === undefined ? image : builtImage(made, image) } }),
      ...(environment === null ? {} : { environment: { name: environment } }),
      'timeout-minutes': 360,
      permissions: permissionsOf(job, made),
    };
    const goesOn = index < cut.parts.length - 1;
    if (engine !== null) {
      const done = job.waits.flatMap((id) => this.#paths.get(id) ?? []);
      const steps = engineSteps({ job, cut, index, done, engine });
      return { ...common, ...(goesOn ? { outputs: engineOutputs } : {}), steps };
    }
    const background = image === null ? this.#options.background : 'shell';
    const matrix = { SPLIT: job.runners.map((_id, copy) => copy) };
    return {
      ...common,
      ...(job.split ? { strategy: { 'fail-fast': false, matrix } } : {}),
      ...(goesOn ? { outputs: { skip: '${{ steps.skipped.outputs.skip }}' } } : {}),
      env: jobEnvironment(job.chain, job.runners),
      defaults: { run: { shell: 'layer-sh {0}' } },
      steps: stepsOfPart({ job, cut, index, background, images: made ?? null, becomesImage: this.#isImage(job) }),
    };
  }

  /** `needs` for what the job goes on from and waits for; a condition only where one of them may succeed without its last job. */
  #waitCondition(job: PlannedJob, needs: string[]): string | null {
    const from = job.from === null ? [] : [job.from.layer.id];
    const awaited = [...from, ...job.waits].flatMap((id) => this.#emitted.get(id) ?? []);
    for (const one of awaited) needs.push(...(one.mayEndEarly ? [one.first, one.last] : [one.last]));
    const image = job.imaged === null ? undefined : this.#images.get(job.imaged);
    if (image !== undefined) needs.push(image.lookUp, image.make, image.image);
    if (image === undefined && !awaited.some((one) => one.mayEndEarly)) return null;
    const conditions = awaited.map(({ first, last, mayEndEarly }) => {
      const ended = `needs.${last}.result == 'success'`;
      if (!mayEndEarly) return ended;
      return `(${ended} || (needs.${first}.result == 'success' && needs.${first}.outputs.skip == 'true'))`;
    });
    return ['!cancelled()', ...(image === undefined ? [] : [imageCondition(image)]), ...conditions].join(' && ');
  }
}

function nameOf({
  job,
  part,
  matrix,
}: {
  readonly job: PlannedJob;
  readonly part: Part;
  readonly matrix: boolean;
}): string {
  const behind = part.button === null ? '' : ` after ${plain(visible(part.button.title))}`;
  return `${plain(job.layer.id)}${behind}${matrix ? ' (${{ matrix.SPLIT }})' : ''}`;
}

/** Nobody else's code runs on a machine of one's own. */
function withoutForks(condition: string | null): string {
  const own =
    "(github.event_name != 'pull_request' || github.event.pull_request.head.repo.full_name == github.repository)";
  return condition === null ? own : `${own} && ${condition}`;
}

/** The least that a job's steps need: the repository's content, and a token for AWS where it links to it. */
function permissionsOf(job: PlannedJob, images: ImageJobs | undefined): Permissions {
  const least: Permissions =
    images === undefined
      ? readContents
      : { ...readContents, packages: { access: 'read', why: 'to start from the image of its parents' } };
  const links = job.chain.some((layer) => layer.steps.some((step) => step.kind === 'awsLink'));
  if (!links) return least;
  return { ...least, 'id-token': { access: 'write', why: 'to ask AWS for credentials' } };
}
