/** One thing that the sandbox needs or can use, and what to do where it is missing: for `layer doctor`. */
export interface Probe {
  readonly what: string;
  readonly ok: boolean;
  /** Without it the driver refuses. */
  readonly required: boolean;
  readonly detail: string;
  /** The one line that mends it; null where nothing is to mend. */
  readonly remedy: string | null;
}

export async function probeSandbox(): Promise<readonly Probe[]> {
  return [];
}
