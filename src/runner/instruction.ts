import type { GuestPath, RepoPath } from '../host.ts';
import { expandArgument, expandSource, type LookUp } from '../ir/expand.ts';
import type { Layer, Source, Step } from '../ir/ir.ts';
import { resolveSource } from '../ir/sources.ts';
import { guestPath } from './guest-path.ts';
import type { Exposed } from './ports.ts';
import type { MachineState } from './state.ts';

/** A step that leaves an instance, with its arguments expanded: what a key holds of it. RUN's text is never expanded. */
export type Instruction =
  | { readonly kind: 'run'; readonly mode: 'plain' | 'background' | 'repeatable'; readonly command: string }
  | {
      readonly kind: 'copy';
      readonly tree: string;
      readonly sources: readonly ResolvedSource[];
      readonly destination: Destination;
    }
  | {
      readonly kind: 'clone';
      readonly url: string;
      readonly defaultBranch: string | null;
      readonly sources: readonly ResolvedSource[];
      readonly destination: Destination;
    }
  | { readonly kind: 'env'; readonly pairs: readonly EnvPair[] }
  | { readonly kind: 'workdir'; readonly directory: GuestPath }
  | { readonly kind: 'user'; readonly name: string }
  | { readonly kind: 'setupFile'; readonly paths: readonly GuestPath[] }
  | { readonly kind: 'cache'; readonly paths: readonly GuestPath[] }
  | { readonly kind: 'expose'; readonly exposed: Exposed }
  | { readonly kind: 'awsLink'; readonly region: string };

export interface ResolvedSource {
  readonly path: RepoPath;
  readonly glob: boolean;
}

/** Where COPY and CLONE put things, before the machine's links are followed. */
export interface Destination {
  readonly path: GuestPath;
  /** It can only be a directory: written with `/` at the end, as `.`, or with several sources. */
  readonly directory: boolean;
}

export interface EnvPair {
  readonly name: string;
  readonly value: string;
  readonly literal: string | null;
}

/** A step that steers the run and leaves nothing in the machine. */
export type SteeringStep = Extract<
  Step,
  { kind: 'buildEnv' | 'secretEnv' | 'checkpoint' | 'split' | 'wait' | 'button' | 'skipIf' }
>;
export type WorkingStep = Exclude<Step, SteeringStep>;

/** Whether a step leaves an instance; the others only take part through what they put into force. */
export function isWorking(step: Step): step is WorkingStep {
  switch (step.kind) {
    case 'run':
    case 'copy':
    case 'clone':
    case 'env':
    case 'workdir':
    case 'user':
    case 'setupFile':
    case 'cache':
    case 'expose':
    case 'awsLink':
      return true;
    case 'buildEnv':
    case 'secretEnv':
    case 'checkpoint':
    case 'split':
    case 'wait':
    case 'button':
    case 'skipIf':
      return false;
  }
}

/** What a step is once its arguments are expanded, or why it cannot be that. */
export function expandStep(
  step: WorkingStep,
  { layer, state, lookUp }: { readonly layer: Layer; readonly state: MachineState; readonly lookUp: LookUp },
): Instruction | { readonly kind: 'wrong'; readonly why: string } {
  switch (step.kind) {
    case 'run':
      return { kind: 'run', mode: step.mode, command: step.command };
    case 'copy': {
      const sources = resolveSources(step.sources, { from: step.from, lookUp });
      if (typeof sources === 'string') return { kind: 'wrong', why: sources };
      const tree = layer.repository.kind === 'own' ? 'repository' : `vendored:${layer.repository.root}`;
      return {
        kind: 'copy',
        tree,
        sources,
        destination: destinationOf(expandArgument(step.destination, lookUp), sources, state),
      };
    }
    case 'clone': {
      const sources = resolveSources(step.sources, { from: '' as RepoPath, lookUp });
      if (typeof sources === 'string') return { kind: 'wrong', why: sources };
      const whole = [{ path: '' as RepoPath, glob: false }];
      return {
        kind: 'clone',
        url: expandArgument(step.url, lookUp),
        defaultBranch: step.defaultBranch === null ? null : expandArgument(step.defaultBranch, lookUp),
        sources: sources.length === 0 ? whole : sources,
        destination: destinationOf(expandArgument(step.destination, lookUp), sources, state),
      };
    }
    case 'env':
      return { kind: 'env', pairs: step.pairs.map(({ name, value, literal }) => ({ name, value, literal })) };
    case 'workdir':
      return { kind: 'workdir', directory: guestPath(expandArgument(step.directory, lookUp), state) };
    case 'user':
      return { kind: 'user', name: expandArgument(step.name, lookUp) };
    case 'setupFile':
      return { kind: 'setupFile', paths: step.paths.map((path) => guestPath(expandArgument(path, lookUp), state)) };
    case 'cache':
      return { kind: 'cache', paths: step.paths.map((path) => guestPath(expandArgument(path, lookUp), state)) };
    case 'expose':
      return expandExpose(step, lookUp);
    case 'awsLink':
      return { kind: 'awsLink', region: step.region };
  }
}

function resolveSources(
  sources: readonly Source[],
  { from, lookUp }: { readonly from: RepoPath; readonly lookUp: LookUp },
): readonly ResolvedSource[] | string {
  const resolved: ResolvedSource[] = [];
  for (const source of sources) {
    const text = expandSource(source, lookUp);
    const found = resolveSource(from, text);
    if (found === 'outside') return `${text} leads out of the repository`;
    resolved.push({ path: found.path, glob: source.glob });
  }
  return resolved;
}

function destinationOf(text: string, sources: readonly ResolvedSource[], state: MachineState): Destination {
  const directory =
    sources.length > 1 || sources.some((one) => one.glob) || /(^|\/)\.{0,2}$/.test(text) || text === '~';
  return { path: guestPath(text, state), directory };
}

function expandExpose(
  step: Extract<Step, { kind: 'expose' }>,
  lookUp: LookUp,
): Instruction | { readonly kind: 'wrong'; readonly why: string } {
  const port = (text: string) =>
    /^[0-9]+$/.test(text) && Number(text) > 0 && Number(text) < 65536 ? Number(text) : null;
  if (step.protocol === 'tcp') {
    const outside = port(expandArgument(step.outside, lookUp));
    const inside = port(expandArgument(step.inside, lookUp));
    if (outside === null || inside === null) return { kind: 'wrong', why: 'a port is a number from 1 to 65535' };
    return { kind: 'expose', exposed: { protocol: 'tcp', outside, inside } };
  }
  const inside = port(expandArgument(step.port, lookUp));
  if (inside === null) return { kind: 'wrong', why: 'a port is a number from 1 to 65535' };
  const slash = (text: string) => (text.startsWith('/') ? text : `/${text}`);
  return {
    kind: 'expose',
    exposed: {
      protocol: 'website',
      scheme: step.scheme,
      port: inside,
      path: slash(expandArgument(step.path, lookUp)),
      rewrite: step.rewrite === null ? null : slash(expandArgument(step.rewrite, lookUp)),
    },
  };
}
