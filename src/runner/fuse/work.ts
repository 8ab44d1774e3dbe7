import fs from 'node:fs';
import { type MessagePort, parentPort, receiveMessageOnPort } from 'node:worker_threads';
import type { GuestPath } from '../../host.ts';
import { loadManifest } from '../view/manifest.ts';
import { openView } from '../view/open.ts';
import type { FrozenTree } from '../view/tree.ts';
import type { View } from '../view/view.ts';
import { FileBytes } from './file-bytes.ts';
import { ViewFileSystem } from './file-system.ts';
import type { Answer, Command, Opening } from './messages.ts';
import { serve } from './session.ts';

/** The one message to the worker: the device is mounted. Commands come through a port that it looks at when it is woken. */
export interface ToWorker {
  readonly descriptor: number;
  readonly opening: Opening;
}

/** What the worker tells the main thread. */
export type FromWorker = Exclude<Answer, { kind: 'ready' }> | { readonly kind: 'serving' };

/** The worker thread: serves until the mount is gone, and obeys commands between two requests. */
export function work(commands: MessagePort): void {
  const say = (message: FromWorker): void => parentPort?.postMessage(message);
  parentPort?.once('message', ({ descriptor, opening }: ToWorker) => {
    const { fileSystem, obey } = prepare(opening);
    const woken = (id: number): void => {
      const command = receiveMessageOnPort(commands)?.message as Command | undefined;
      if (command?.id !== id) throw new Error(`woken for command ${id}, and command ${command?.id} is next`);
      try {
        say(obey(command));
      } catch (error) {
        say({ kind: 'refused', id, why: error instanceof Error ? error.message : String(error) });
      }
    };
    const why = serve(descriptor, fileSystem, { ready: () => say({ kind: 'serving' }), woken });
    say({ kind: 'ended', why });
  });
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

  const obey = (command: Command): FromWorker => {
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
        const last = (path: GuestPath) => views.findLast((view) => view.kind(path) === 'directory')?.spec.ordinal;
        return { kind: 'directories', id, ordinals: command.paths.map((path) => last(path) ?? null) };
      }
      case 'cut':
        return { kind: 'cut', id, cut: fileSystem.cut() };
    }
  };
  return { fileSystem, obey };
}
