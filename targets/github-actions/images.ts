import { createHash } from 'node:crypto';
import { staticText } from '../../src/ir/expand.ts';
import type { Copy, Layer } from '../../src/ir/ir.ts';
import { layerShell } from '../shell/generated-layer-sh.ts';
import { shellWord } from '../shell/quote.ts';
import { commentOf } from './buttons.ts';
import type { PlannedJob } from './jobs.ts';
import { uses } from './pins.ts';
import { prepareSteps } from './prepare.ts';
import { call } from './steps.ts';
import { plain, readContents, type Job, type WorkflowStep } from './workflow.ts';

/** The jobs that an image of a Layerfile comes from. */
export interface ImageJobs {
  /** Says whether it is there. */
  readonly lookUp: string;
  /** Runs the Layerfile where it is not. */
  readonly make: string;
  /** Makes an image of what it left. */
  readonly image: string;
}

const found = ({ lookUp, image }: ImageJobs) => [`needs.${image}.outputs.image`, `needs.${lookUp}.outputs.image`];

/** A container's image: the parents' where there is one, else the base machine's. */
export function builtImage(images: ImageJobs, base: string): string {
  return `\${{ ${found(images).join(' || ')} || '${base}' }}`;
}

/** Holds where there is no image, so that the parents' steps must run. */
export function noImage(images: ImageJobs): string {
  return found(images)
    .map((one) => `${one} == ''`)
    .join(' && ');
}

/** Holds unless the parents' own steps have failed: without an image, a job runs them itself. */
export function imageCondition({ make }: ImageJobs): string {
  return `(needs.${make}.result == 'success' || needs.${make}.result == 'skipped')`;
}

/** What is in force after the parents, out of their image. */
export function takeImage(images: ImageJobs): readonly WorkflowStep[] {
  const condition = found(images)
    .map((one) => `${one} != ''`)
    .join(' || ');
  return [{ ...call('take-image'), name: 'go on from the image of the parents', if: condition }];
}

/** Before anything else, so that all that differs from the base machine is in the image. */
export const markAtOnce: WorkflowStep = {
  name: 'mark what changes from here on',
  shell: 'bash',
  run: 'mkdir -p /run/layer && : >/run/layer/mark && sleep 0.1',
};

/** The job that names the image of a Layerfile by all that goes into it, and asks the registry for it. */
export function lookUpJob(job: PlannedJob): Job {
  const words = [repositoryOf(job), keyOf(job), ...job.chain.flatMap(watched)].map(shellWord);
  return {
    comment: commentOf(job),
    name: `${plain(job.layer.id)}: is there an image?`,
    'runs-on': 'ubuntu-24.04',
    'timeout-minutes': 10,
    permissions: { ...readContents, packages: { access: 'read', why: 'to ask for the image' } },
    outputs: { image: '${{ steps.look-up.outputs.image }}', tag: '${{ steps.look-up.outputs.tag }}' },
    steps: [
      ...prepareSteps({ chain: job.chain, inContainer: false, memoryBytes: null }),
      {
        name: 'ask the registry',
        id: 'look-up',
        shell: 'bash',
        env: { REGISTRY_TOKEN: '${{ github.token }}', DEFAULT_BRANCH: '${{ github.event.repository.default_branch }}' },
        run: `layer-sh look-up ${words.join(' ')}`,
      },
    ],
  };
}

/** The job that makes an image of what a Layerfile's job left, and pushes it. */
export function imageJob(job: PlannedJob, jobs: ImageJobs & { readonly state: string }): Job {
  return {
    comment: commentOf(job),
    name: `${plain(job.layer.id)}: make an image`,
    needs: [jobs.lookUp, jobs.make],
    'runs-on': 'ubuntu-24.04',
    'timeout-minutes': 60,
    permissions: { packages: { access: 'write', why: 'to push the image' } },
    outputs: { image: '${{ steps.push.outputs.image }}' },
    steps: [
      {
        name: plain(`take over what ${job.id} left`),
        ...uses('actions/download-artifact'),
        with: { name: jobs.state, path: '__layer_state' },
      },
      {
        name: 'make the image, and push it',
        id: 'push',
        shell: 'bash',
        env: {
          REGISTRY_TOKEN: '${{ github.token }}',
          TAG: `\${{ needs.${jobs.lookUp}.outputs.tag }}`,
          BASE: job.machine?.image ?? '',
        },
        run: pushScript,
      },
    ],
  };
}

const pushScript = `printf '%s' "$REGISTRY_TOKEN" | docker login ghcr.io --username "$GITHUB_ACTOR" --password-stdin
printf 'FROM %s\\nLABEL org.opencontainers.image.source=%s\\nADD state.tar /\\n' "$BASE" "$GITHUB_SERVER_URL/$GITHUB_REPOSITORY" >__layer_state/Dockerfile
docker build --tag "$TAG" __layer_state
docker push "$TAG"
echo "image=$(docker inspect --format '{{index .RepoDigests 0}}' "$TAG")" >>"$GITHUB_OUTPUT"`;

/** The image's name below the repository's own. */
function repositoryOf({ id }: PlannedJob): string {
  return `layer-${id.toLowerCase().replace(/[^a-z0-9]+/g, '-')}`.replace(/-$/, '');
}

/** A digest of all that makes the image and stands in the Layerfiles: what their instructions mean, the base, and our own shell. */
function keyOf({ chain, machine }: PlannedJob): string {
  const meaning = chain.map(({ path, repository, steps }) => [path, repository, steps]);
  const text = JSON.stringify([machine?.image, layerShell, meaning], (name, value: unknown) =>
    name === 'span' || name === 'title' ? undefined : value,
  );
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

/** The variables that BUILD ENV names, behind -e, and what COPY takes: paths, and behind -g globs. */
function watched({ steps, repository }: Layer): readonly string[] {
  return steps.flatMap((step) => {
    if (step.kind === 'buildEnv') return step.names.flatMap(({ name }) => ['-e', name]);
    // What is vendored is named by its commit.
    return step.kind === 'copy' && repository.kind === 'own' ? sourcesOf(step) : [];
  });
}

function sourcesOf({ from, sources }: Copy): readonly string[] {
  return sources.flatMap(({ path, glob }) => {
    const text = staticText(path) ?? '';
    const whole = text.startsWith('/') ? text : `/${from}/${text}`;
    return glob ? ['-g', whole] : ['-p', whole];
  });
}
