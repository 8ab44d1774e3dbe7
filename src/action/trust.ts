/**
 * What a job may do with results that others see, judged by what GitHub says about its event (never by anything in the repository).
 * Refs are full (`refs/heads/main`).
 */
export interface Trust {
  readonly kind: 'trusted' | 'pull-request' | 'fork' | 'read-only' | 'release';
  /** Whose results may be used: the own ref, the base's, the default branch's; in this order, each once. */
  readonly reads: readonly string[];
  /** Where results are written; null: nowhere that a later run looks. */
  readonly writes: string | null;
  /** Whether secrets may be handed on. */
  readonly secrets: boolean;
  /** Why it is not more, for a person; null where nothing is withheld. */
  readonly why: string | null;
}

export interface JobEvent {
  /** `GITHUB_EVENT_NAME`. */
  readonly name: string;
  /** `GITHUB_REF`. */
  readonly ref: string;
  /** The payload at `GITHUB_EVENT_PATH`; null where there is none. */
  readonly payload: unknown;
}

/** Events that only those with write access cause, and whose code is the ref's own. */
const ownEvents = new Set(['push', 'schedule', 'workflow_dispatch', 'repository_dispatch', 'merge_group']);
const releaseEvents = new Set(['release', 'deployment', 'deployment_status']);

/** Decides what a job may read and write. What cannot be told is not trusted. */
export function trustOf({ name, ref, payload }: JobEvent): Trust {
  const defaultBranch = text(payload, 'repository', 'default_branch');
  const main = defaultBranch === null ? [] : [`refs/heads/${defaultBranch}`];
  const isFork = comesFromFork(payload);
  if (releaseEvents.has(name) || ref.startsWith('refs/tags/')) {
    const why = 'a release uses and leaves no results that branches share';
    return { kind: 'release', reads: [], writes: null, secrets: !isFork, why };
  }
  if (name === 'pull_request' || name === 'pull_request_review') {
    const base = text(payload, 'pull_request', 'base', 'ref');
    const reads = unique([ref, ...(base === null ? [] : [`refs/heads/${base}`]), ...main]);
    const own = /^refs\/pull\/\d+\/merge$/.test(ref) ? ref : null;
    return isFork
      ? { kind: 'fork', reads, writes: own, secrets: false, why: 'pull requests from forks get no secrets' }
      : { kind: 'pull-request', reads, writes: own, secrets: true, why: null };
  }
  if (ownEvents.has(name) && !isFork && ref.startsWith('refs/heads/')) {
    return { kind: 'trusted', reads: unique([ref, ...main]), writes: ref, secrets: true, why: null };
  }
  const secrets = !isFork && !(name === 'issue_comment' && at(payload, 'issue', 'pull_request') !== undefined);
  const why = `${name === '' ? 'without an event' : `a run for ${name}`}, results are only read${secrets ? '' : ', and no secrets are handed on'}`;
  return { kind: 'read-only', reads: main, writes: null, secrets, why };
}

/** Whether what is run may have been written by somebody without access to this repository. A head repository that is gone was a fork. */
function comesFromFork(payload: unknown): boolean {
  const own = text(payload, 'repository', 'full_name');
  if (at(payload, 'pull_request') !== undefined)
    return own === null || text(payload, 'pull_request', 'head', 'repo', 'full_name') !== own;
  if (at(payload, 'workflow_run') !== undefined)
    return own === null || text(payload, 'workflow_run', 'head_repository', 'full_name') !== own;
  return false;
}

function at(value: unknown, ...path: readonly string[]): unknown {
  let here = value;
  for (const name of path) {
    if (typeof here !== 'object' || here === null) return undefined;
    here = (here as Record<string, unknown>)[name];
  }
  return here ?? undefined;
}

function text(value: unknown, ...path: readonly string[]): string | null {
  const found = at(value, ...path);
  return typeof found === 'string' && found !== '' ? found : null;
}

function unique(refs: readonly string[]): readonly string[] {
  return [...new Set(refs.filter((ref) => ref !== ''))];
}
