import type { Command } from './command.ts';

interface CommandEntry {
  readonly summary: string;
  load(): Promise<Command>;
}

/** Every command, in the order of help; each is read only when it is wanted. */
export const commands: { readonly [name: string]: CommandEntry } = {
  run: {
    summary: 'runs Layerfiles, skipping what cannot have changed',
    load: async () => (await import('./commands/run.ts')).run,
  },
  plan: {
    summary: 'says what a run would do, and runs nothing',
    load: async () => (await import('./commands/plan.ts')).plan,
  },
  why: {
    summary: 'says why a step would run or be skipped',
    load: async () => (await import('./commands/why.ts')).why,
  },
  reads: {
    summary: 'lists what a step looked at',
    load: async () => (await import('./commands/reads.ts')).reads,
  },
  affected: {
    summary: 'says which steps would run if files changed',
    load: async () => (await import('./commands/affected.ts')).affected,
  },
  retry: {
    summary: 'runs again what failed the last time',
    load: async () => (await import('./commands/retry.ts')).retry,
  },
  shell: {
    summary: 'opens a terminal in the state after a step',
    load: async () => (await import('./commands/shell.ts')).shell,
  },
  verify: {
    summary: 'proves that what is skipped is skipped rightly',
    load: async () => (await import('./commands/verify.ts')).verify,
  },
  check: {
    summary: 'finds what is wrong in Layerfiles',
    load: async () => (await import('./commands/check.ts')).check,
  },
  fmt: {
    summary: 'lays Layerfiles out in one style',
    load: async () => (await import('./commands/fmt.ts')).fmt,
  },
  graph: {
    summary: 'draws how Layerfiles depend on each other',
    load: async () => (await import('./commands/graph.ts')).graph,
  },
  explain: {
    summary: 'explains diagnostics and instructions',
    load: async () => (await import('./commands/explain.ts')).explain,
  },
  compile: {
    summary: 'writes a workflow for GitHub Actions, or an Earthfile',
    load: async () => (await import('./commands/compile.ts')).compile,
  },
  doctor: {
    summary: 'says what this host can do, and what would mend the rest',
    load: async () => (await import('./commands/doctor.ts')).doctor,
  },
  pull: {
    summary: 'updates base machines',
    load: async () => (await import('./commands/pull.ts')).pull,
  },
  du: {
    summary: 'says what the store holds and how much room it takes',
    load: async () => (await import('./commands/du.ts')).du,
  },
  prune: {
    summary: 'makes the store smaller',
    load: async () => (await import('./commands/prune.ts')).prune,
  },
  pin: {
    summary: 'keeps a snapshot whatever room is asked for',
    load: async () => (await import('./commands/pin.ts')).pin,
  },
  unpin: {
    summary: 'lets a pinned snapshot go',
    load: async () => (await import('./commands/unpin.ts')).unpin,
  },
};
