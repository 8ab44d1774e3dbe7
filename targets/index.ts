import type { Target } from '../src/target.ts';

/** Every target, by the name that `layer compile --target` takes. */
export const targets: readonly Target[] = [];
