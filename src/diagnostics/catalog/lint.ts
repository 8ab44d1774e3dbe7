import { entry } from './entry.ts';

/** What is allowed, but most likely not what was meant. Warnings, and one that only informs. */
export const lintCatalog = {
  'lint/bare-base': entry<{ source: string }>({
    severity: 'warning',
    message: ({ source }) =>
      `write FROM vm/${source}: a Layerfile builds a virtual machine, and names without vm/ are an old form`,
    explain: `Older Layerfiles say \`FROM ubuntu:18.04\` for what is \`FROM vm/ubuntu:18.04\` today. It is the same machine.`,
  }),
};
