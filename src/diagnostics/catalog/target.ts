import { entry } from './entry.ts';

/** What a target makes of a Layerfile. */
export const targetCatalog = {
  'target/emulated': entry<{ title: string; target: string; how: string }>({
    severity: 'warning',
    message: ({ title, target, how }) => `${title}: ${target} does not have this; ${how}`,
    explain: `The target has nothing that does the same, so something like it is emitted. The sentence says what differs; \`layer run\`
and \`layer compile --target github --engine\` do the thing itself.`,
  }),
  'target/unsupported': entry<{ title: string; target: string; why: string }>({
    severity: 'error',
    message: ({ title, target, why }) => `${title}: ${target} cannot do this: ${why}`,
    explain: `The target has nothing that does this or something like it, so nothing is emitted: a workflow that left it out would claim what
it does not do. Leave the instruction out, move it into a Layerfile that is not compiled, or use \`layer run\`.`,
  }),
};
