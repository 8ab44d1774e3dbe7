import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { loadManifest } from '../view/manifest.ts';
import { openView } from '../view/open.ts';
import type { FrozenTree } from '../view/tree.ts';
import type { GuestPath } from '../../host.ts';
import type { View, ViewSpec } from '../view/view.ts';
import { FileBytes } from './file-bytes.ts';
import { replyBufferBytes, ViewFileSystem } from './file-system.ts';
import { forgetAttributes, forgetName } from './notifications.ts';
import { decodeRequest, requestHeaderBytes } from './protocol.ts';
import type { ServedView } from './nodes.ts';
import { ViewServerLost } from './start.ts';
import { ordinalsIn } from './table.ts';
import type { SavedViews, StreamViewServer, StreamViewServerSpec } from './view-server.ts';

/** No request that this server understands is longer: it is a header, a few numbers and at most two names. */
const longestRequestBytes = 64 * 1024;

/**
 * Serves views to a kernel that is elsewhere: requests come and replies go as a stream of bytes, one message after another as the device gives and takes
 * them (each begins with its length). Throws `ViewsUnusable` where what is to be taken up does not fit the views of today.
 */
export function serveViewsOverStream(spec: StreamViewServerSpec): StreamViewServer {
  return new ViewsOverStream(spec);
}

/** The same, with the reason as a value. */
export function takeUpViews(spec: StreamViewServerSpec): StreamViewServer | { readonly unusable: string } {
  try {
    return serveViewsOverStream(spec);
  } catch (error) {
    if (error instanceof ViewsUnusable) return { unusable: error.message };
    throw error;
  }
}

export class ViewsUnusable extends Error {
  override readonly name = 'ViewsUnusable';
}

class ViewsOverStream implements StreamViewServer {
  readonly #stream: Duplex;
  readonly #fileSystem: ViewFileSystem;
  readonly #trees = new Map<string, FrozenTree>();
  readonly #views: View[] = [];
  readonly #ordinals = new Set<number>();
  readonly #names = new Map<number, string>();
  readonly #reply = Buffer.alloc(replyBufferBytes);
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #held = false;
  #failure: string | null = null;
  #sent = 0;

  constructor({ stream, trees, mtime, directorySeconds = null, views, takeUp, files = 'same' }: StreamViewServerSpec) {
    this.#stream = stream;
    this.#fileSystem = new ViewFileSystem({ files: new FileBytes(), mtime, directorySeconds });
    for (const [name, manifest] of Object.entries(trees)) this.#load(name, manifest);
    const served = views.map((view) => this.#open(view));
    const called = takeUp === null || files === 'same' ? String : this.#retire(takeUp);
    const notices = takeUp === null || files === 'others' ? [] : this.#takeUp(takeUp, served);
    for (const { view, tree } of served) {
      if (this.#ordinals.has(view.spec.ordinal)) continue;
      const { ordinal } = view.spec;
      this.#ordinals.add(ordinal);
      this.#names.set(ordinal, called(ordinal));
      this.#fileSystem.addView(view, tree, called(ordinal));
    }
    // What the guest had sent and nobody had answered comes first.
    if (takeUp !== null) this.#keep(Buffer.from(takeUp.pending, 'base64'));
    stream.on('data', this.#take);
    stream.on('error', (error: Error) => this.#fail(error.message));
    stream.on('end', () => this.#fail('its channel has ended'));
    stream.on('close', () => this.#fail('its channel was closed'));
    for (const notice of notices) this.#write(notice);
    this.#work();
  }

  get failure(): string | null {
    return this.#failure;
  }

  get sentBytes(): number {
    return this.#sent;
  }

  async addTree(name: string, manifest: string): Promise<void> {
    this.#load(name, manifest);
  }

  async addView(spec: ViewSpec): Promise<View> {
    const { view, tree } = this.#open(spec);
    if (this.#ordinals.has(spec.ordinal)) throw new Error(`view ${spec.ordinal} is already served`);
    this.#ordinals.add(spec.ordinal);
    this.#fileSystem.addView(view, tree);
    return view;
  }

  nameOf(ordinal: number): string {
    return this.#names.get(ordinal) ?? String(ordinal);
  }

  isDirectory(path: GuestPath): boolean {
    return this.#views.some((view) => view.kind(path) === 'directory');
  }

  async cut(): ReturnType<StreamViewServer['cut']> {
    return this.cutNow();
  }

  cutNow(): Awaited<ReturnType<StreamViewServer['cut']>> {
    if (this.#failure !== null) throw new ViewServerLost(`the view server is gone: ${this.#failure}`);
    return this.#fileSystem.cut();
  }

  hold(): void {
    this.#held = true;
  }

  resume(): void {
    this.#held = false;
    this.#work();
  }

  save(): SavedViews {
    if (!this.#held) throw new Error('views are saved while nothing is answered');
    return { table: this.#fileSystem.save(), pending: Buffer.concat(this.#pending).toString('base64') };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stream.off('data', this.#take);
    this.#fail('it was shut down');
  }

  #load(name: string, manifest: string): void {
    this.#trees.set(name, loadManifest(readFileSync(manifest)));
  }

  #open(spec: ViewSpec): ServedView {
    const tree = this.#trees.get(spec.tree);
    if (tree === undefined) throw new Error(`there is no tree ${spec.tree}`);
    const view = openView(spec, tree);
    this.#views.push(view);
    return { view, tree };
  }

  #takeUp(saved: SavedViews, views: readonly ServedView[]): readonly Buffer[] {
    const found = this.#fileSystem.takeUp(saved.table, views);
    if ('wrong' in found) throw new ViewsUnusable(found.wrong);
    for (const ordinal of ordinalsIn(saved.table)) this.#ordinals.add(ordinal);
    return [...found.stale.map(forgetName), ...found.dated.map(forgetAttributes)];
  }

  #retire(saved: SavedViews): (ordinal: number) => string {
    const called = this.#fileSystem.retire(saved.table);
    if (called === null) throw new ViewsUnusable('its table of views is damaged');
    return called;
  }

  readonly #take = (chunk: Buffer): void => {
    this.#keep(chunk);
    this.#work();
  };

  #keep(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#pending.push(chunk);
    this.#pendingBytes += chunk.length;
  }

  /** Answers every whole request that has arrived, in order. */
  #work(): void {
    while (!this.#held && this.#failure === null && this.#pendingBytes >= requestHeaderBytes) {
      const bytes = this.#joined();
      const length = bytes.readUInt32LE(0);
      if (length < requestHeaderBytes || length > longestRequestBytes) {
        return this.#fail(`the machine sent a request of ${length} bytes`);
      }
      if (bytes.length < length) return;
      this.#pending = bytes.length === length ? [] : [bytes.subarray(length)];
      this.#pendingBytes -= length;
      this.#answer(bytes.subarray(0, length));
    }
  }

  #joined(): Buffer {
    const [first] = this.#pending;
    if (first !== undefined && this.#pending.length === 1) return first;
    const bytes = Buffer.concat(this.#pending);
    this.#pending = [bytes];
    return bytes;
  }

  #answer(bytes: Buffer): void {
    const request = decodeRequest(bytes, bytes.length);
    const length = this.#fileSystem.answer(request, this.#reply);
    if (length > 0) this.#write(Buffer.from(this.#reply.subarray(0, length)));
    if (this.#fileSystem.refused !== null) this.#fail(this.#fileSystem.refused);
  }

  #write(bytes: Buffer): void {
    this.#sent += bytes.length;
    this.#stream.write(bytes);
  }

  #fail(why: string): void {
    this.#failure ??= why;
  }
}
