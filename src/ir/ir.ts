import type { Span } from '../diagnostics/source.ts';
import type { RepoPath } from '../host.ts';

declare const brand: unique symbol;

/** A runner's id: unique in a Plan, a host-name-like word (`Tests-Cypress`, `main-layerfile`). */
export type LayerId = string & { readonly [brand]: 'LayerId' };

/**
 * What a repository's Layerfiles mean, checked: parents stand before children, there are no cycles, no dangling ids,
 * and every rule of the language holds. After `compile()` nobody checks anything again.
 */
export interface Plan {
  readonly layers: readonly Layer[];
}

/** One Layerfile. What stands in parents is not repeated: `walk.ts` gives the whole chain. */
export interface Layer {
  readonly id: LayerId;
  /** The Layerfile's path in its repository (`web/tests/Layerfile`). */
  readonly path: RepoPath;
  readonly repository: RepositorySource;
  readonly base: Base;
  /** What this file's MEMORY says; in force is the largest of the chain. */
  readonly memoryBytes: number | null;
  readonly labels: Labels;
  readonly steps: readonly Step[];
  /** Whether `layer run` without arguments runs it by itself: true for the repository's own files, false for vendored parents. */
  readonly own: boolean;
  /** The FROM instruction. */
  readonly span: Span;
}

/** Where COPY, FROM, WAIT and SETUP FILE of a Layerfile are relative to. */
export type RepositorySource =
  | { readonly kind: 'own' }
  | {
      readonly kind: 'vendored';
      readonly owner: string;
      readonly name: string;
      /** The full commit. */
      readonly commit: string;
      /** Its root inside this repository: `.layer/vendor/<owner>/<name>/<commit>`. */
      readonly root: RepoPath;
    };

export type Base =
  | { readonly kind: 'machine'; readonly name: MachineName; readonly source: BaseSource; readonly span: Span }
  | { readonly kind: 'layer'; readonly id: LayerId; readonly span: Span };

/** `vm/ubuntu:22.04`, always with `vm/`. */
export type MachineName = `vm/${string}`;

/** How a base machine is made. `known` names are the runner's own business (base machines, native.md 5). */
export type BaseSource =
  | { readonly kind: 'known' }
  | { readonly kind: 'oci'; readonly reference: string }
  | { readonly kind: 'tarball'; readonly path: string }
  | { readonly kind: 'directory'; readonly path: string };

export interface Labels {
  readonly displayName: string | null;
  readonly status: 'merge' | 'hidden' | null;
}

/**
 * An argument after static expansion: what is left as `variable` is expanded from the environment in force when the step runs
 * (unset expands to nothing). Neighbouring texts are joined; no part is the empty text; an empty argument has no parts.
 */
export interface Argument {
  readonly parts: readonly (string | Variable)[];
  readonly span: Span;
}

export interface Variable {
  readonly variable: string;
}

interface StepBase {
  /** The whole instruction, for messages. */
  readonly span: Span;
  /** How a person sees it: the instruction on one line, blanks folded (`RUN npm install`). */
  readonly title: string;
}

export interface Run extends StepBase {
  readonly kind: 'run';
  readonly mode: 'plain' | 'background' | 'repeatable';
  /** What bash gets, exactly; nothing in it is expanded by us. */
  readonly command: string;
}

/** A source of COPY or CLONE as written, still relative to `from`; see `sources.ts` for what it resolves to. */
export interface Source {
  readonly path: Argument;
  /** Whether it holds an unquoted `*`, `?` or `[`. */
  readonly glob: boolean;
}

export interface Copy extends StepBase {
  readonly kind: 'copy';
  /** The directory that relative sources are relative to: the Layerfile's. */
  readonly from: RepoPath;
  readonly sources: readonly Source[];
  readonly destination: Argument;
}

export interface Clone extends StepBase {
  readonly kind: 'clone';
  readonly url: Argument;
  readonly defaultBranch: Argument | null;
  /** Empty: the whole repository. */
  readonly sources: readonly Source[];
  readonly destination: Argument;
}

export interface Env extends StepBase {
  readonly kind: 'env';
  /** From left to right; `value` is what bash evaluates as an assignment, quotes and all. `literal` is its result where it is static. */
  readonly pairs: readonly {
    readonly name: string;
    readonly value: string;
    readonly literal: string | null;
    readonly span: Span;
  }[];
}

export interface Named {
  readonly name: string;
  readonly span: Span;
}

export interface BuildEnv extends StepBase {
  readonly kind: 'buildEnv';
  readonly names: readonly Named[];
}

export interface SecretEnv extends StepBase {
  readonly kind: 'secretEnv';
  readonly names: readonly Named[];
}

export interface Workdir extends StepBase {
  readonly kind: 'workdir';
  readonly directory: Argument;
}

export interface User extends StepBase {
  readonly kind: 'user';
  readonly name: Argument;
}

export interface SetupFile extends StepBase {
  readonly kind: 'setupFile';
  readonly paths: readonly Argument[];
}

export interface Cache extends StepBase {
  readonly kind: 'cache';
  readonly paths: readonly Argument[];
}

export interface Checkpoint extends StepBase {
  readonly kind: 'checkpoint';
  readonly mode: 'here' | 'disabled';
  readonly name: string | null;
}

export interface Split extends StepBase {
  readonly kind: 'split';
  readonly count: number;
  readonly unordered: boolean;
}

export interface Wait extends StepBase {
  readonly kind: 'wait';
  readonly layers: readonly { readonly id: LayerId; readonly span: Span }[];
}

export interface Button extends StepBase {
  readonly kind: 'button';
  readonly message: string;
}

export type Expose = ExposeWebsite | ExposeTcp;

export interface ExposeWebsite extends StepBase {
  readonly kind: 'expose';
  readonly protocol: 'website';
  readonly scheme: 'http' | 'https';
  /** The port inside the machine (a number once expanded). */
  readonly port: Argument;
  /** Starts with `/` once expanded. */
  readonly path: Argument;
  readonly rewrite: Argument | null;
}

export interface ExposeTcp extends StepBase {
  readonly kind: 'expose';
  readonly protocol: 'tcp';
  readonly outside: Argument;
  readonly inside: Argument;
}

export interface Condition {
  readonly name: string;
  readonly operator: '=' | '!=' | '=~' | '!=~';
  readonly value: string;
  readonly span: Span;
}

export interface SkipIf extends StepBase {
  readonly kind: 'skipIf';
  /** All must hold. */
  readonly conditions: readonly Condition[];
}

export interface AwsLink extends StepBase {
  readonly kind: 'awsLink';
  readonly region: string;
}

export type Step =
  | Run
  | Copy
  | Clone
  | Env
  | BuildEnv
  | SecretEnv
  | Workdir
  | User
  | SetupFile
  | Cache
  | Checkpoint
  | Split
  | Wait
  | Button
  | Expose
  | SkipIf
  | AwsLink;

export type StepKind = Step['kind'];
export type StepOfKind<K extends StepKind> = Extract<Step, { readonly kind: K }>;
