/** A GitHub workflow as a document, as far as it is emitted. Keys are printed in the order of print.ts. */
export interface Workflow {
  readonly name: string;
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions: Permissions;
  readonly concurrency: { readonly group: string; readonly 'cancel-in-progress': string | boolean };
  readonly env: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

/** A scope of the job's token, and why the job needs it. */
export type Permissions = Readonly<Record<string, { readonly access: 'read' | 'write'; readonly why: string | null }>>;

export interface Job {
  /** Stands on the line above. */
  readonly comment: string | null;
  readonly name: string;
  readonly needs?: readonly string[];
  readonly if?: string;
  readonly 'runs-on': string | readonly string[];
  readonly container?: { readonly image: string };
  readonly environment?: { readonly name: string };
  readonly 'timeout-minutes': number;
  readonly permissions: Permissions;
  readonly outputs?: Readonly<Record<string, string>>;
  readonly strategy?: { readonly 'fail-fast': boolean; readonly matrix: Readonly<Record<string, readonly number[]>> };
  readonly env?: Readonly<Record<string, string>>;
  readonly defaults?: { readonly run: { readonly shell: string } };
  readonly steps: readonly WorkflowStep[];
}

export interface WorkflowStep {
  /** Stands on the line above. */
  readonly comment?: string;
  readonly name?: string;
  readonly id?: string;
  readonly if?: string;
  readonly uses?: string;
  /** `v7.0.1`, behind a pinned commit. */
  readonly usesComment?: string;
  readonly with?: Readonly<Record<string, string | number | boolean>>;
  readonly background?: boolean;
  readonly cancel?: string;
  readonly shell?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly run?: string;
}

/** The least that a job which checks the repository out needs. */
export const readContents: Permissions = { contents: { access: 'read', why: null } };

/** Text that GitHub must not read as an expression: every `${{` in it stays what it is. Not for `run`, where no expression may stand. */
export function plain(text: string): string {
  return text.replaceAll('${{', "${{ '${{' }}");
}
