import { randomBytes } from 'node:crypto';
import type { Bench } from './bench.ts';
import type { ChainStep } from './chain.ts';
import type { RunContext } from './context.ts';
import type { Exit } from './driver.ts';
import { MachineRefused } from './driver.ts';
import { environmentAt } from './environment.ts';
import type { Destination, EnvPair, ResolvedSource } from './instruction.ts';
import type { KeyedStep } from './lookup.ts';
import type { Position } from './position.ts';
import { envScript, envValues, runScript } from './script.ts';
import { sealComputed } from './seal.ts';
import type { MachineState, SealedText } from './state.ts';
import { openView } from './view/open.ts';
import type { View, ViewSpec } from './view/view.ts';
import { maskText } from './masked-events.ts';
import { mountVolumes } from './volumes.ts';

/** What a step did. */
export type Worked =
  | {
      readonly kind: 'done';
      readonly state: MachineState;
      readonly view: View | null;
      readonly exit: Exit;
      readonly tail: string;
      /** Whether it had anything to do with the machine: then its observations must be cut and its writes kept. */
      readonly touched: boolean;
      readonly aws: string | null;
    }
  | { readonly kind: 'failed'; readonly exit: Exit; readonly why: string; readonly tail: string };

interface Work {
  readonly chainStep: ChainStep;
  readonly position: Position;
  readonly bench: Bench;
  readonly context: RunContext;
  readonly aws: { variables: Readonly<Record<string, string>> };
}

const zero: Exit = { kind: 'exited', code: 0 };

/** Does a working step on a machine that stands at `position`. */
export async function workStep(keyed: KeyedStep, work: Work): Promise<Worked> {
  try {
    return await workOn(keyed, work);
  } catch (error) {
    if (error instanceof MachineRefused) return failed(error.message);
    throw error;
  }
}

async function workOn(keyed: KeyedStep, work: Work): Promise<Worked> {
  const { instruction } = keyed;
  const { position, bench, context } = work;
  const { state } = position;
  switch (instruction.kind) {
    case 'run':
      return instruction.mode === 'background' ? background(work) : run(instruction.command, work);
    case 'copy':
      return place(instruction, { work, tree: instruction.tree });
    case 'clone':
      return place(instruction, { work, tree: keyed.tree ?? '' });
    case 'env':
      return env(instruction.pairs, work);
    case 'workdir':
      await bench.machine.makeDirectory(instruction.directory);
      return done(work, { state: { ...state, cwd: instruction.directory } });
    case 'user': {
      const { home } = await bench.machine.user(instruction.name);
      return done(work, { state: { ...state, user: instruction.name, home } });
    }
    case 'setupFile':
      return done(work, {
        state: { ...state, setupFiles: [...state.setupFiles, ...instruction.paths] },
        touched: false,
      });
    case 'cache': {
      const caches = await mountVolumes(instruction.paths, { bench, context });
      return done(work, { state: { ...state, caches: [...new Set([...state.caches, ...caches])] } });
    }
    case 'expose': {
      const connect = (port: number) => bench.machine.connect(port);
      const why = await context.ports.expose.ready(instruction.exposed, connect, context.signal);
      if (why === null) return done(work, {});
      return { kind: 'failed', exit: { kind: 'exited', code: 1 }, why, tail: '' };
    }
    case 'awsLink': {
      const found = await context.ports.secrets.aws(instruction.region);
      if ('failure' in found) return failed(found.failure);
      work.aws.variables = found.variables;
      return done(work, { touched: false, aws: instruction.region });
    }
  }
}

function done(work: Work, change: Partial<Extract<Worked, { kind: 'done' }>>): Worked {
  const { position } = work;
  return {
    kind: 'done',
    state: position.state,
    view: null,
    exit: zero,
    tail: '',
    touched: true,
    aws: position.aws,
    ...change,
  };
}

function failed(why: string): Worked {
  return { kind: 'failed', exit: { kind: 'exited', code: 1 }, why, tail: '' };
}

async function run(command: string, work: Work): Promise<Worked> {
  const { bench, chainStep, position } = work;
  const { exit, tail } = await bench.exec(chainStep, position, (preamble) => runScript(preamble, command));
  if (exit.kind === 'exited' && exit.code === 0) return done(work, { tail });
  return { kind: 'failed', exit, why: exitReason(exit), tail };
}

async function background(work: Work): Promise<Worked> {
  const { ended, tail } = await work.bench.background(work.chainStep, work.position);
  if (ended === null || (ended.kind === 'exited' && ended.code === 0)) return done(work, { tail });
  return { kind: 'failed', exit: ended, why: `it did not stay up: ${exitReason(ended)}`, tail };
}

/** How a person is told about an exit. */
export function exitReason(exit: Exit): string {
  switch (exit.kind) {
    case 'exited':
      return `exit code ${exit.code}`;
    case 'out-of-memory':
      return `it ran out of memory (exit code ${exit.code}); give it more with MEMORY`;
    case 'signalled':
      return `killed by ${exit.signal}`;
    case 'cancelled':
      return 'stopped';
    case 'lost':
      return `the machine was lost: ${exit.why}`;
  }
}

async function place(
  instruction: { readonly sources: readonly ResolvedSource[]; readonly destination: Destination },
  { work, tree }: { readonly work: Work; readonly tree: string },
): Promise<Worked> {
  const { bench, position, context } = work;
  const { destination, sources } = instruction;
  const resolved = await bench.machine.resolve(destination.path);
  if (destination.directory && resolved.kind !== null && resolved.kind !== 'directory') {
    return failed(`${destination.path} is not a directory in the machine`);
  }
  const spec: ViewSpec = {
    ordinal: position.views.length,
    tree,
    sources,
    destination: resolved.path,
    placement: destination.directory || resolved.kind === 'directory' ? 'into' : 'as',
    ancestors: resolved.ancestors,
  };
  const view = openView(spec, context.trees.tree(tree));
  const [missing] = view.missing;
  if (missing !== undefined) {
    const glob = sources.some((one) => one.glob && one.path === missing);
    return failed(glob ? `${missing} matches nothing` : `${missing} does not exist`);
  }
  await bench.machine.addView(spec);
  return done(work, { view });
}

async function env(pairs: readonly EnvPair[], work: Work): Promise<Worked> {
  const { bench, chainStep, position, context } = work;
  const { state } = position;
  const { secrets } = environmentAt(position, {
    ports: context.ports,
    runner: context.runner,
    aws: work.aws.variables,
  });
  const withValues = (values: readonly string[], how: { readonly touched: boolean }): Worked => {
    const set: Record<string, SealedText> = {};
    for (const [index, { name, value, literal }] of pairs.entries()) {
      set[name] = sealComputed(values[index] ?? '', {
        ...{ expression: literal === null ? value : '', secrets, env: { ...state.env, ...set } },
        ...{ mask: (text) => maskText(text, context.ports.secrets), key: context.ports.store.hmacKey },
      });
    }
    return done(work, { state: { ...state, env: { ...state.env, ...set } }, ...how });
  };
  const literals = pairs.flatMap(({ literal }) => literal ?? []);
  if (literals.length === pairs.length) return withValues(literals, { touched: false });
  const marker = randomBytes(24).toString('hex');
  const chunks: Uint8Array[] = [];
  const { exit } = await bench.exec(
    chainStep,
    position,
    (preamble) => envScript(preamble, pairs, marker),
    (chunk) => chunks.push(chunk),
  );
  const output = Buffer.concat(chunks);
  const found = envValues(output, marker, pairs.length);
  bench.show(chainStep, found?.rest ?? output);
  if (exit.kind === 'exited' && exit.code === 0 && found) return withValues(found.values, { touched: true });
  return { kind: 'failed', exit, why: exitReason(exit), tail: (found?.rest ?? output).toString('utf8').slice(-4096) };
}
