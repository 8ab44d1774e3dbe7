import fs from 'node:fs';
import {
  isMainThread,
  type MessagePort,
  parentPort,
  receiveMessageOnPort,
  Worker,
  workerData,
} from 'node:worker_threads';
import { loadManifest } from '../view/manifest.ts';
import { openView } from '../view/open.ts';
import type { FrozenTree } from '../view/tree.ts';
import { FileBytes } from './file-bytes.ts';
import { ViewFileSystem } from './file-system.ts';
import { type Answer, type Command, lineReader, type Opening, toLine } from './messages.ts';
import { connectionOf, mount, openDevice, raiseReadAhead, serve, startWaker, type Waker } from './session.ts';

/**
 * The view server's process. Its main thread talks to the runner and never touches the mount; its worker sits in the blocking loop on the device.
 * The process ends by SIGKILL only: `process.exit` would wait for the blocked worker.
 */
interface WorkerData {
  readonly descriptor: number;
  readonly opening: Opening;
  readonly commands: MessagePort;
}

/** What the worker tells the main thread: answers, and that it serves. */
type FromWorker = Exclude<Answer, { kind: 'ready' }> | { readonly kind: 'serving' };

if (isMainThread) relay();
else work(workerData as WorkerData);

function relay(): void {
  const say = (answer: Answer): void => void process.stdout.write(toLine(answer));
  const die = (): void => void process.kill(process.pid, 'SIGKILL');
  const end = (why: string): void => void process.stdout.write(toLine({ kind: 'ended', why }), die);
  let command: ((command: Command) => void) | null = null;

  process.stdin.setEncoding('utf8');
  process.stdin.on('end', die);
  process.stdin.on('error', die);
  process.stdout.on('error', die);
  process.on('uncaughtException', (error) => end(error.message));
  const receive = lineReader<Opening | Command>((message) => {
    if ('id' in message) command?.(message);
    else command = open(message, { say, end });
  });
  process.stdin.on('data', receive);
}

/** Mounts and starts the worker; returns what hands commands to it. */
function open(
  opening: Opening,
  to: { readonly say: (answer: Answer) => void; readonly end: (why: string) => void },
): (command: Command) => void {
  const descriptor = openDevice();
  const { port1, port2 } = new MessageChannel();
  const data: WorkerData = { descriptor, opening, commands: port2 as unknown as MessagePort };
  let waker: Waker | null = null;
  const worker = new Worker(new URL(import.meta.url), { workerData: data, transferList: [data.commands] });
  worker.on('error', (error) => to.end(error.message));
  worker.on('message', (message: FromWorker) => {
    if (message.kind === 'serving') {
      const connection = connectionOf(opening.mountpoint);
      if (connection !== null) raiseReadAhead(connection);
      waker = startWaker(opening.mountpoint, to.end);
      to.say({ kind: 'ready', connection });
    } else if (message.kind === 'ended') to.end(message.why);
    else to.say(message);
  });
  void mount(descriptor, opening.mountpoint).then((refusal) => {
    if (refusal === null) worker.postMessage('mounted');
    else to.end(refusal);
  });
  return (command) => {
    port1.postMessage(command);
    waker?.wake(command.id);
  };
}

function work({ descriptor, opening, commands }: WorkerData): void {
  const say = (message: FromWorker): void => parentPort?.postMessage(message);
  const trees = new Map<string, FrozenTree>();
  const loadTree = (name: string, manifest: string): void => {
    trees.set(name, loadManifest(fs.readFileSync(manifest)));
  };
  for (const [name, manifest] of Object.entries(opening.trees)) loadTree(name, manifest);
  const fileSystem = new ViewFileSystem({ files: new FileBytes(), mtime: opening.mtime });

  const obey = (command: Command): FromWorker => {
    const { id } = command;
    switch (command.kind) {
      case 'tree':
        loadTree(command.name, command.manifest);
        return { kind: 'done', id };
      case 'view': {
        const tree = trees.get(command.spec.tree);
        if (tree === undefined) return { kind: 'refused', id, why: `there is no tree ${command.spec.tree}` };
        fileSystem.addView(openView(command.spec, tree), tree);
        return { kind: 'done', id };
      }
      case 'cut':
        return { kind: 'cut', id, cut: fileSystem.cut() };
    }
  };

  const woken = (id: number): void => {
    const command = receiveMessageOnPort(commands)?.message as Command | undefined;
    if (command === undefined || command.id !== id) throw new Error(`woken for command ${id}, which is not next`);
    try {
      say(obey(command));
    } catch (error) {
      say({ kind: 'refused', id, why: error instanceof Error ? error.message : String(error) });
    }
  };

  parentPort?.once('message', () => {
    const why = serve(descriptor, fileSystem, { ready: () => say({ kind: 'serving' }), woken });
    say({ kind: 'ended', why });
  });
}
