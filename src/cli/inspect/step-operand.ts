import type { Operands } from '../args.ts';

/** How a person names a step; see `findStep`. */
export const stepOperand = {
  placeholder: 'step',
  help: 'its place (web/Layerfile:5, or web:3 for the third step), checkpoint, the id that layer run prints, or a part of its text',
  least: 1,
  most: 1,
} as const satisfies Operands;
