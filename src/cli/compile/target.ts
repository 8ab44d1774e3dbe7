import { defaultOptions, ownAction, targets, type Engine } from '../../../targets/index.ts';
import type { RepoPath, RepoReader } from '../../host.ts';
import type { Target } from '../../target.ts';

/** What was typed about the target. */
export interface TargetChoice {
  readonly target: string;
  readonly background: 'native' | 'shell';
  readonly inherit: 'inline' | 'artifact' | 'image';
  readonly os: 'runner' | 'container';
  readonly engine: boolean;
  readonly action: string | null;
  readonly runsOn: string | null;
}

/** The target that was asked for, once what the repository says of it is known; or why that is none, as a sentence. */
export function chosenTarget(
  choice: TargetChoice,
): ((repository: Pick<RepoReader, 'read'>) => Target) | { readonly problem: string } {
  const { action, runsOn } = choice;
  if (!choice.engine && (action !== null || runsOn !== null)) {
    return { problem: `--${action === null ? 'runs-on' : 'action'} says how --engine runs; add --engine` };
  }
  if (action !== null && !/^(\.\/.+|[\w.-]+\/[\w./-]+@[0-9a-f]{40})$/.test(action)) {
    return { problem: `--action wants owner/repository@<full commit>, or ./path in this repository; it has ${action}` };
  }
  const labels = (runsOn ?? 'ubuntu-24.04').split(',').map((label) => label.trim());
  const selfHosted = labels.includes('self-hosted');
  const engine: Engine | null = choice.engine ? { action: action ?? ownAction, runsOn: labels, selfHosted } : null;
  const make = targets[choice.target];
  if (make === undefined) throw new Error(`no target ${choice.target}`);
  const { background, inherit, os } = choice;
  const github = { background, inherit, os, engine };
  return (repository) => make({ ...defaultOptions, github, earthfile: { layerignore: layerignoreOf(repository) } });
}

function layerignoreOf(repository: Pick<RepoReader, 'read'>): string | null {
  const found = repository.read('.layerignore' as RepoPath);
  return 'bytes' in found ? new TextDecoder().decode(found.bytes) : null;
}
