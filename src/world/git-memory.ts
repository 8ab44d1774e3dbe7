import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { RepoPath } from '../host.ts';
import type { GitFacts } from '../runner/input/git-facts.ts';
import { settledMs } from '../runner/input/stat-cache.ts';
import { fileTimesAt } from '../runner/input/file-times.ts';
import { keepWhole } from '../runner/input/whole-file.ts';
import { isAsMarked, markDirectories, type DirectoryMarks } from './directory-marks.ts';
import { gitStateOf } from './git-state.ts';

/**
 * What git has said of a repository, for as long as it would say the same: nothing that it goes by has been touched, and it had rested for two seconds
 * when git was asked. Starting git some five times takes longer than all else of a run in which nothing has changed.
 */
export interface GitMemory {
  /** Null where git has to be asked. */
  readonly facts: GitFacts | null;
  /** As `RepoReader` has them; null where git has to be asked. */
  readonly layerfiles: readonly RepoPath[] | null;
  /** Keeps what git has said since this memory was opened, where that is worth it. A disk that refuses is no error. */
  remember(said: { readonly facts: GitFacts; readonly layerfiles: readonly RepoPath[] }): void;
}

interface Kept {
  readonly history: string;
  readonly facts: GitFacts;
  readonly files: string;
  readonly layerfiles: readonly RepoPath[];
  readonly marks: DirectoryMarks;
}

const magic = 'layer-g1';

/** Opens the memory in `file` of the repository whose working tree is `root`. `environment` is git's. */
export function openGitMemory(given: {
  readonly file: string;
  readonly root: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly nowMs: number;
}): GitMemory {
  const { file, root, environment } = given;
  const times = fileTimesAt(root);
  const isTold = times.files && times.directories;
  const kept = isTold ? readKept(file) : null;
  const state = kept === null ? null : gitStateOf(root, environment);
  const facts = kept !== null && state?.history === kept.history ? kept.facts : null;
  const layerfiles =
    kept !== null && state?.files === kept.files && isAsMarked(root, kept.marks) ? kept.layerfiles : null;
  return {
    facts,
    layerfiles,
    remember(said) {
      if (!isTold || (facts !== null && layerfiles !== null) || said.facts.warning !== null) return;
      const limitMs = given.nowMs - settledMs;
      const now = gitStateOf(root, environment);
      if (now === null || now.latestMs > limitMs) return;
      const marks = markDirectories(root, limitMs);
      if (marks === null) return;
      write(file, { history: now.history, files: now.files, ...said, marks });
    },
  };
}

function readKept(file: string): Kept | null {
  try {
    const text = readFileSync(file, 'utf8');
    const at = text.indexOf('\n');
    const json = text.slice(at + 1);
    return text.slice(0, at) === `${magic} ${hash('sha1', json)}` ? (JSON.parse(json) as Kept) : null;
  } catch {
    return null;
  }
}

function write(file: string, kept: Kept): void {
  const json = JSON.stringify(kept);
  keepWhole(file, `${magic} ${hash('sha1', json)}\n${json}`);
}
