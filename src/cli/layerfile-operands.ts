import type { Operands } from './args.ts';

/** What most commands take: which Layerfiles are meant. */
export const layerfileOperands: Operands = {
  placeholder: 'path',
  help: 'a Layerfile, or a directory whose Layerfiles are meant; without one, all of the repository',
  least: 0,
  most: Infinity,
};
