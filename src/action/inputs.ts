import { getInput, getMultilineInput } from '@actions/core';

/** Where results go beside the directory on this machine. */
export type StoreInput =
  | { readonly kind: 'none' }
  | { readonly kind: 'cache' }
  /** `registry/repository` of an OCI registry. */
  | { readonly kind: 'registry'; readonly name: string };

/** What the workflow gave, read once. */
export interface Inputs {
  readonly paths: readonly string[];
  readonly driver: 'sandbox';
  /** Names in the environment. */
  readonly secrets: readonly string[];
  readonly store: StoreInput;
  /** Null: the number of processors. */
  readonly jobs: number | null;
  readonly press: readonly string[];
  /** What a BUTTON that nobody presses makes of the job: it fails, or ends well, and the output `waiting` says so. */
  readonly button: 'fail' | 'stop';
  /** Layerfiles that other jobs have run: nothing waits for them here. */
  readonly done: readonly string[];
  readonly workingDirectory: string;
  /** Null: any. */
  readonly version: string | null;
}

/** Reads the inputs of action.yml; a sentence for each that is wrong. */
export function readInputs(): Inputs | { readonly problems: readonly string[] } {
  const problems: string[] = [];
  const named = getInput('store') || (process.env['LAYER_REMOTE'] ?? '');
  const store = readStore(named);
  if (store === null) {
    problems.push(`store: ${JSON.stringify(named)} is none of cache, none, oci://registry/repository`);
  }
  const driver = getInput('driver') || 'sandbox';
  if (driver !== 'sandbox') problems.push(`driver: ${JSON.stringify(driver)} is not known; write sandbox`);
  const button = getInput('button') || 'fail';
  if (button !== 'fail' && button !== 'stop') {
    problems.push(`button: ${JSON.stringify(button)} is not known; write fail or stop`);
  }
  const jobs = getInput('jobs');
  if (jobs !== '' && !/^[1-9]\d{0,3}$/.test(jobs)) problems.push(`jobs: ${JSON.stringify(jobs)} is no positive number`);
  const secrets = getMultilineInput('secrets').flatMap((line) => line.split(/[\s,]+/).filter((name) => name !== ''));
  for (const name of secrets.filter((one) => !/^[A-Za-z_]\w*$/.test(one))) {
    const shown = name.includes('=') ? `${name.split('=')[0]}=…` : JSON.stringify(name);
    problems.push(`secrets: ${shown} is no name; put the value into env of this step, and only the name here`);
  }
  if (problems.length > 0 || store === null) return { problems };
  return {
    paths: getMultilineInput('paths'),
    driver: 'sandbox',
    secrets,
    store,
    jobs: jobs === '' ? null : Number(jobs),
    press: getMultilineInput('press'),
    button: button === 'stop' ? 'stop' : 'fail',
    done: getMultilineInput('done'),
    workingDirectory: getInput('working-directory') || '.',
    version: getInput('version') || null,
  };
}

function readStore(text: string): StoreInput | null {
  if (text === '' || text === 'cache') return { kind: 'cache' };
  if (text === 'none') return { kind: 'none' };
  const name = /^oci:\/\/(.+)$/.exec(text)?.[1];
  return name === undefined ? null : { kind: 'registry', name: name.replace(/\/+$/, '') };
}
