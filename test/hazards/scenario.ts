import type { Contents } from '../support/workshop.ts';

/** What a scenario expects of a run after an edit. */
export interface Edit {
  /** Paths from the scenario's own directory. */
  readonly put?: Contents;
  /** Anything that `put` cannot say, in bash, in the scenario's own directory. */
  readonly shell?: string;
  /** The first step that must run, by a part of its title; null: everything must be skipped. */
  readonly reruns: string | null;
  /** The reason that must be given; a path is from the scenario's directory. */
  readonly because?: string | RegExp;
  /** What the last step must print where it runs. */
  readonly prints?: string;
  /** How it ends, if not `succeeded`. */
  readonly ends?: 'failed';
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
}
