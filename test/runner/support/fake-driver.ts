import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GuestPath } from '../../../src/host.ts';
import {
  StateUnusable,
  type BackgroundProcess,
  type Command,
  type Driver,
  type Exit,
  type Machine,
  type MachineSpec,
  type StackEntry,
} from '../../../src/runner/driver.ts';
import { fingerprint } from '../../../src/runner/view/fingerprint.ts';
import { openView } from '../../../src/runner/view/open.ts';
import type { RepoTree } from '../../../src/runner/view/tree.ts';
import type { Observation, ObservationKind, View } from '../../../src/runner/view/view.ts';

/** What the fake machines of a test have in common. */
export interface FakeHost {
  readonly tree: (name: string) => RepoTree;
  /** Every command that ran: `label: command`. */
  readonly ran: string[];
  /** Machines up at this moment, and the most there ever were. */
  readonly up: { now: number; most: number };
  /** Called before each command; may throw or wait. */
  before?: (command: string, hostname: string) => Promise<void> | void;
  /** A fault for the command that holds this text. */
  fault?: (command: string) => string | null;
  /** The same, of a doubt. */
  doubt?: (command: string) => string | null;
  /** Machines are kept with what runs in them; a reason where the state in a directory cannot be used. */
  memory?: { unusable(directory: string): string | null };
}

/**
 * Machines that are objects: their files are what their views hold and what their commands wrote. Commands are words, joined by ` && `:
 * `cat PATH`, `has PATH`, `ls PATH`, `write PATH TEXT`, `show $ENV-TEXT`, `exit N`, `leave` (a process stays), `wait MS`.
 */
export function fakeDriver(host: FakeHost): Driver {
  return {
    name: 'fake',
    format: 'fake-1',
    can: { saveMemory: host.memory !== undefined, snapshotLive: host.memory !== undefined },
    snapshotWorthMs: host.memory === undefined ? 0 : 1,
    unavailable: async () => null,
    async boot(spec) {
      for (const entry of spec.stack) {
        const why = entry.kind === 'machine' ? host.memory?.unusable(entry.directory) : null;
        if (why) throw new StateUnusable(why);
      }
      return bootFake(spec, host);
    },
  };
}

function bootFake(spec: MachineSpec, host: FakeHost): Machine {
  let stack: StackEntry[] = [...spec.stack];
  let written: Record<string, string> = {};
  let seen: Observation[] = [];
  const known = new Set<string>();
  let leftover: string | null = null;
  let fault: string | null = null;
  let doubt: string | null = null;
  let layers = 0;
  const below = spec.stack.findLast((entry) => entry.kind === 'machine');
  let up = below === undefined ? 0 : Number(readFileSync(join(below.directory, 'up'), 'utf8'));
  host.up.now += 1;
  host.up.most = Math.max(host.up.most, host.up.now);

  const views = (): View[] =>
    stack.flatMap((entry) => (entry.kind === 'view' ? [openView(entry.view, host.tree(entry.view.tree))] : []));
  const see = (view: View, path: GuestPath, kind: ObservationKind): void => {
    const fact = { view: view.spec.ordinal, path, kind };
    const key = JSON.stringify(fact);
    if (known.has(key)) return;
    known.add(key);
    seen.push({ ...fact, fingerprint: fingerprint(view, path, kind) });
  };
  /** The topmost text at a path: what was written, then layers and views from the top down. */
  const read = (path: GuestPath): string | null => {
    if (path in written) return written[path] ?? null;
    for (const entry of [...stack].reverse()) {
      if (entry.kind !== 'view') {
        const files = layerFiles(entry.directory);
        if (path in files) return files[path] ?? null;
        continue;
      }
      const view = openView(entry.view, host.tree(entry.view.tree));
      const there = view.entry(path);
      see(view, path, there === null ? 'absent' : 'content');
      if (there !== null) return `<${view.digest(path)?.slice(0, 6)}>`;
    }
    return null;
  };

  const perform = async (word: string, output: (text: string) => void, env: Command['env']): Promise<number> => {
    const [verb = '', path = '', ...rest] = word.split(' ');
    const guest = path as GuestPath;
    switch (verb) {
      case 'cat': {
        const text = read(guest);
        output(`${text ?? 'nothing'}\n`);
        return text === null ? 1 : 0;
      }
      case 'has':
        output(`${read(guest) !== null}\n`);
        return 0;
      case 'ls':
        for (const view of views()) if (view.list(guest)) see(view, guest, 'listing');
        return 0;
      case 'write':
        written[guest] = rest.join(' ');
        return 0;
      case 'show':
        output(`${env[path] ?? 'unset'}\n`);
        return 0;
      case 'exit':
        return Number(path);
      case 'leave':
        leftover = 'server is still running';
        return 0;
      case 'wait':
        await new Promise((resolve) => setTimeout(resolve, Number(path)));
        return 0;
      case 'true':
        return 0;
    }
    throw new Error(`the fake machine cannot ${word}`);
  };

  const exec = async (command: Command, output: (chunk: Uint8Array) => void, signal: AbortSignal): Promise<Exit> => {
    const text = command.script.trimEnd().split('\n').at(-1) ?? '';
    host.ran.push(text);
    const stopped = new Promise<'stopped'>((resolve) => signal.addEventListener('abort', () => resolve('stopped')));
    const work = async (): Promise<number> => {
      await host.before?.(text, spec.hostname);
      for (const word of text.split(' && ')) {
        const code = await perform(word, (line) => output(Buffer.from(line)), command.env);
        if (code !== 0) return code;
      }
      return 0;
    };
    const ended = await Promise.race([work(), stopped]);
    if (ended === 'stopped' || signal.aborted) return { kind: 'cancelled' };
    fault = host.fault?.(text) ?? fault;
    doubt = host.doubt?.(text) ?? doubt;
    return { kind: 'exited', code: ended };
  };

  return {
    hibernate: null,
    setApart: null,
    exec,
    async start(command, output): Promise<BackgroundProcess> {
      up += 1;
      const never = new AbortController();
      void exec(command, output, never.signal);
      return { exit: new Promise(() => {}), ports: async () => [8080] };
    },
    resumed: () =>
      Array.from({ length: up }, () => ({ exit: new Promise<never>(() => {}), ports: async () => [8080] })),
    async resolve(path) {
      const held = views().flatMap((view) => view.entry(path) ?? []);
      return { path, kind: held[0]?.kind === 'directory' ? 'directory' : held[0] ? 'file' : null, ancestors: [] };
    },
    async user(name) {
      return { uid: 1000, gid: 1000, home: `/home/${name}` as GuestPath };
    },
    async makeDirectory() {},
    async addTree() {},
    async addView(view) {
      stack = [...stack, { kind: 'view', view }];
    },
    async addLayer(directory, at) {
      stack = [...stack, { kind: 'layer', directory, at }];
    },
    async terminal() {
      throw new Error('nobody sits at this machine');
    },
    async copyOut() {
      return null;
    },
    async endStep({ keep }) {
      const seenThen = { observations: seen, fault, doubt };
      seen = [];
      fault = doubt = null;
      if (leftover !== null) return { ...seenThen, state: { kept: false, why: leftover } };
      if (!keep) return { ...seenThen, state: { kept: false, why: 'it was not asked for' } };
      const fresh: string[] = [];
      if (host.memory !== undefined) {
        const directory = join(spec.directory, `memory-${layers++}`);
        mkdirSync(directory);
        writeFileSync(join(directory, 'files.json'), JSON.stringify(written));
        writeFileSync(join(directory, 'up'), String(up));
        stack = [...stack, { kind: 'machine', directory }];
        written = {};
        return { ...seenThen, state: { kept: true, stack, layers: [directory] } };
      }
      if (Object.keys(written).length > 0) {
        const directory = join(spec.directory, String(layers++));
        mkdirSync(directory);
        writeFileSync(join(directory, 'files.json'), JSON.stringify(written));
        stack = [...stack, { kind: 'layer', directory, at: null }];
        fresh.push(directory);
        written = {};
      }
      return { ...seenThen, state: { kept: true, stack, layers: fresh } };
    },
    connect: () => Promise.reject(new Error('no ports here')),
    async [Symbol.asyncDispose]() {
      host.up.now -= 1;
    },
  };
}

function layerFiles(directory: string): Record<string, string> {
  const path = join(directory, 'files.json');
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Record<string, string>) : {};
}
