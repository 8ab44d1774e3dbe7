import type { Target } from '../src/target.ts';
import { earthfile, type EarthfileOptions } from './earthfile/earthfile.ts';
import type { EmitOptions } from './github-actions/emit.ts';
import { githubActions } from './github-actions/github-actions.ts';

/** What every target may be told; each heeds what concerns it. */
export interface TargetOptions {
  readonly github: EmitOptions;
  readonly earthfile: EarthfileOptions;
}

/** What targets do if nobody says otherwise. */
export const defaultOptions: TargetOptions = {
  github: { background: 'native', inherit: 'inline', os: 'runner', engine: null },
  earthfile: { layerignore: null },
};

/** Every target, by the name that `layer compile --target` takes. */
export const targets: Readonly<Record<string, (options: TargetOptions) => Target>> = {
  github: ({ github }) => githubActions(github),
  earthfile: (options) => earthfile(options.earthfile),
};

export { ownAction, type Engine } from './github-actions/engine.ts';
export { pinsReport } from './github-actions/pins.ts';
