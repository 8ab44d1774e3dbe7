import type { Command } from './command.ts';

interface CommandEntry {
  readonly summary: string;
  load(): Promise<Command>;
}

/** Every command; each is read only when it is wanted. */
export const commands: { readonly [name: string]: CommandEntry } = {
  explain: {
    summary: 'explains a diagnostic or an instruction',
    load: async () => (await import('./commands/explain.ts')).explain,
  },
};
