import type { ChainStep } from './chain.ts';
import type { RunContext } from './context.ts';
import type { BackgroundProcess, Exit, Machine } from './driver.ts';
import { environmentAt } from './environment.ts';
import { stepName } from './names.ts';
import type { Position } from './position.ts';
import { runScript, type Preamble } from './script.ts';
import type { BackgroundRecord, MachineState } from './state.ts';
import type { Volume } from './store.ts';
import { createTail } from './tail.ts';

/** How long a RUN BACKGROUND must stay up, or end well. */
const backgroundCheckMs = 2_000;
const tailBytes = 16 * 1024;

/** A RUN BACKGROUND of this machine. */
interface Running {
  readonly process: BackgroundProcess;
  ended: Exit | null;
}

/** Where output of a step goes, masked. */
interface Output {
  push(chunk: Uint8Array): void;
  end(): void;
  text(): string;
}

/** A machine at work for one runner: runs scripts in a position's environment, masks what they print, keeps what stays up. */
export interface Bench {
  readonly machine: Machine;
  /** What CACHE finds saved, the most wanted first: as it was when the machine was booted. */
  readonly saved: readonly Volume[];
  /** Runs a script with the environment of a position; `capture` gets the output instead of the reader. */
  exec(
    chainStep: ChainStep,
    position: Position,
    script: (preamble: Preamble) => string,
    capture?: (chunk: Uint8Array) => void,
  ): Promise<{ readonly exit: Exit; readonly tail: string }>;
  /** Shows output of a step, masked. */
  show(chainStep: ChainStep, chunk: Uint8Array): void;
  /** Starts a RUN BACKGROUND and watches it for two seconds; how it ended where it did. */
  background(chainStep: ChainStep, position: Position): Promise<{ readonly ended: Exit | null; readonly tail: string }>;
  /** Takes up those of a machine that was restored with its memory, each of a step, in their order; false where there are not as many. */
  resume(steps: readonly ChainStep[]): boolean;
  /** Whether any RUN BACKGROUND is up. */
  readonly busy: boolean;
  /** What a snapshot taken now stands on: those that are up, as they are now, and those that had ended before. */
  backgroundsAfter(state: MachineState): Promise<readonly BackgroundRecord[]>;
  /** Ports that one listens on now. */
  ports(step: number): Promise<readonly number[]>;
  ended(step: number): Exit | null;
}

export function createBench(
  machine: Machine,
  context: RunContext,
  { aws, saved }: { readonly aws: () => Readonly<Record<string, string>>; readonly saved: readonly Volume[] },
): Bench {
  const { ports, runner, emit, signal } = context;
  const up = new Map<number, Running>();
  const ended = new Set<number>();

  const surroundings = (position: Position, script: (preamble: Preamble) => string) => {
    const { given, env } = environmentAt(position, { ports, runner, aws: aws() });
    const { setupFiles, user, cwd } = position.state;
    return { script: script({ env, setupFiles }), env: given, user, cwd };
  };

  const output = (chainStep: ChainStep): Output => {
    const step = stepName(chainStep, runner);
    const masker = ports.secrets.masker();
    const tail = createTail(tailBytes);
    const pass = (chunk: Uint8Array): void => {
      if (chunk.length === 0) return;
      tail.push(chunk);
      emit({ kind: 'stepOutput', step, chunk });
    };
    return {
      push: (chunk: Uint8Array) => pass(masker.push(chunk)),
      end: () => pass(masker.end()),
      text: () => tail.text(),
    };
  };

  const watch = (
    index: number,
    { process, out }: { readonly process: BackgroundProcess; readonly out: Output },
  ): Running => {
    const running: Running = { process, ended: null };
    up.set(index, running);
    void process.exit.then((exit) => {
      running.ended = exit;
      out.end();
      if (exit.kind !== 'exited' || exit.code !== 0) return;
      up.delete(index);
      ended.add(index);
    });
    return running;
  };

  return {
    machine,
    saved,
    async exec(chainStep, position, script, capture) {
      const out = output(chainStep);
      const exit = await machine.exec(surroundings(position, script), capture ?? out.push, signal);
      out.end();
      return { exit, tail: out.text() };
    },
    show(chainStep, chunk) {
      const out = output(chainStep);
      out.push(chunk);
      out.end();
    },
    async background(chainStep, position) {
      const { step, index } = chainStep;
      if (step.kind !== 'run') throw new Error('only RUN has a background');
      const out = output(chainStep);
      const command = surroundings(position, (preamble) => runScript(preamble, step.command));
      const process = await machine.start(command, out.push);
      const running = watch(index, { process, out });
      await Promise.race([process.exit, sleep(backgroundCheckMs, signal)]);
      await Promise.resolve();
      return { ended: running.ended, tail: out.text() };
    },
    resume(steps) {
      const outs = steps.map(output);
      const processes = machine.resumed((at) => (chunk) => outs[at]?.push(chunk));
      for (const [at, process] of processes.entries()) {
        const [step, out] = [steps[at], outs[at]];
        if (step !== undefined && out !== undefined) watch(step.index, { process, out });
      }
      return processes.length === steps.length;
    },
    get busy() {
      return up.size > 0;
    },
    async backgroundsAfter(state) {
      const now: BackgroundRecord[] = [...ended].map((step) => ({ step, ports: [], ended: true }));
      for (const [step, { process }] of up) now.push({ step, ports: await process.ports(), ended: false });
      const before = state.background.filter((one) => one.ended && now.every(({ step }) => step !== one.step));
      return [...before, ...now].sort((a, b) => a.step - b.step);
    },
    async ports(step) {
      return (await up.get(step)?.process.ports()) ?? [];
    },
    ended(step) {
      return up.get(step)?.ended ?? null;
    },
  };
}

/** Resolves after a while, or early when the signal comes. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
