import type { Contents } from '../support/workshop.ts';

/** What a run must come to after an edit. */
export interface Expected {
  /** The first step that must run, by a part of its title; null: everything must be skipped. */
  readonly reruns: string | null;
  /** The reason that must be given; a path is from the scenario's directory. */
  readonly because?: string | RegExp;
  /** What the last step must print where it runs. */
  readonly prints?: string;
  /** How it ends, if not `succeeded`. */
  readonly ends?: 'failed';
  /** How many facts the last step that runs is the first to see in its machine. */
  readonly reads?: number;
}

/** What must come of it instead where machines are kept with their memory: on virtual machines. */
export interface WithMemory<T> {
  /** Why it is right that it differs there. */
  readonly since: string;
  readonly expect: T;
}

/** What a scenario expects of a run after an edit. */
export interface Edit extends Expected {
  /** Paths from the scenario's own directory. */
  readonly put?: Contents;
  /** Anything that `put` cannot say, in bash, in the scenario's own directory. */
  readonly shell?: string;
  readonly withMemory?: WithMemory<Expected>;
}

/** A story with its own directory and Layerfile in a repository that many share: all are run by one process, then all are edited, and so on. */
export interface Scenario {
  /** Rows of the hazard table that it proves. */
  readonly rows: readonly string[];
  readonly name: string;
  /** The Layerfile after `FROM vm/debian:12`; `COPY . /w` unless it has a COPY of its own. */
  readonly steps: readonly string[];
  readonly files: Contents;
  /** What the last step prints at first. */
  readonly prints?: string;
  readonly edits: readonly Edit[];
  /** Where it is another story on virtual machines from the start: its steps, what they print, its edits. */
  readonly withMemory?: WithMemory<Pick<Scenario, 'steps' | 'edits' | 'prints'>>;
}

/** Why files cannot be linked from where COPY has put them to elsewhere. */
export const ownMount =
  'under what processes see, a COPY can only be put as a mount of its own: no hard link, rename(2) or range crosses from one to another';

/** Why another step is named where processes live on. */
export const livesOn =
  'what RUN BACKGROUND has started lives on in what is kept: the step runs again in which it looked';
