import { Buffer } from 'node:buffer';
import fs from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { loadManifest } from '../view/manifest.ts';
import { openView } from '../view/open.ts';
import type { FrozenTree } from '../view/tree.ts';
import type { View } from '../view/view.ts';
import { FileBytes } from './file-bytes.ts';
import { ViewFileSystem } from './file-system.ts';
import { type Answer, type Command, deviceDescriptor, type Opening, toLine } from './messages.ts';
import { connectionOf, raiseReadAhead, serve } from './session.ts';

/**
 * The view server's process: one thread in the blocking loop on the device, which is mounted when it starts. It looks at its standard input when the runner
 * has it woken, which is a request among the kernel's. Its parent's end is its own (`setpriv --pdeathsig`).
 */
function main(): void {
  const opening = nextMessage() as Opening;
  const { fileSystem, obey } = prepare(opening);
  const ready = (): void => {
    // V8's middle compiler takes a tenth of what a server computes that answers a few thousand requests, and those that answer many get the
    // last one. No sooner: what Node has compiled beforehand is for other flags, and starts would take twice as long.
    setFlagsFromString('--no-maglev');
    const connection = connectionOf(opening.mountpoint);
    if (connection !== null) raiseReadAhead(connection);
    say({ kind: 'ready', connection });
  };
  const woken = (id: number): void => {
    const command = nextMessage() as Command;
    if (command.id !== id) throw new Error(`woken for command ${id}, and command ${command.id} is next`);
    try {
      say(obey(command));
    } catch (error) {
      say({ kind: 'refused', id, why: error instanceof Error ? error.message : String(error) });
    }
  };
  say({ kind: 'ended', why: serve(deviceDescriptor, fileSystem, { secret: opening.secret, ready, woken }) });
}

/** The file system of an opening, and what a command does to it. */
function prepare(opening: Opening) {
  const { mtime, directorySeconds = null } = opening;
  const fileSystem = new ViewFileSystem({ files: new FileBytes(), mtime, directorySeconds });
  const views: View[] = [];
  const trees = new Map<string, FrozenTree>();
  const loadTree = (name: string, manifest: string): void => {
    trees.set(name, loadManifest(fs.readFileSync(manifest)));
  };
  for (const [name, manifest] of Object.entries(opening.trees)) loadTree(name, manifest);

  const obey = (command: Command): Answer => {
    const { id } = command;
    switch (command.kind) {
      case 'tree':
        loadTree(command.name, command.manifest);
        return { kind: 'done', id };
      case 'view': {
        const tree = trees.get(command.spec.tree);
        if (tree === undefined) return { kind: 'refused', id, why: `there is no tree ${command.spec.tree}` };
        const view = openView(command.spec, tree);
        fileSystem.addView(view, tree);
        views.push(view);
        return { kind: 'done', id };
      }
      case 'directories': {
        const last = (path: string) => views.findLast((view) => view.kind(path as never) === 'directory')?.spec.ordinal;
        return { kind: 'directories', id, ordinals: command.paths.map((path) => last(path) ?? null) };
      }
      case 'cut':
        return { kind: 'cut', id, cut: fileSystem.cut() };
    }
  };
  return { fileSystem, obey };
}

let unread = Buffer.alloc(0);

/** The next line of standard input; waits for it. Where the runner is gone, so is this process. */
function nextMessage(): Opening | Command {
  const chunks = [unread];
  const chunk = Buffer.alloc(65_536);
  let end = unread.indexOf(10);
  while (end < 0) {
    const length = fs.readSync(0, chunk, 0, chunk.length, null);
    if (length === 0) process.exit(0);
    end = chunk.subarray(0, length).indexOf(10);
    if (end >= 0) end += chunks.reduce((sum, one) => sum + one.length, 0);
    chunks.push(Buffer.from(chunk.subarray(0, length)));
  }
  const all = Buffer.concat(chunks);
  unread = all.subarray(end + 1);
  return JSON.parse(all.toString('utf8', 0, end)) as Opening | Command;
}

function say(answer: Answer): void {
  const line = Buffer.from(toLine(answer));
  for (let at = 0; at < line.length;) at += fs.writeSync(1, line, at);
}

try {
  main();
} catch (error) {
  say({ kind: 'ended', why: error instanceof Error ? error.message : String(error) });
}
