import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { GuestPath } from '../../../host.ts';
import type { BaseMachine } from '../../driver.ts';
import { encodeName } from '../../view/names.ts';
import type { Agent } from './agent.ts';
import { coveredDirectories, type Lower } from './covered.ts';
import type { Attributes, RootEntry } from './stack.ts';
import {
  applyAttributes,
  attributesTo,
  ownAttributes,
  isUntouched,
  makeAbove,
  rootAttributes,
  rootedAt,
  writeMountPoints,
} from './stack.ts';

const run = (program: string, args: readonly string[]) => promisify(execFile)(program, args);

/** Layers beyond this many are merged before they are mounted: the kernel takes 500, and each costs a look-up of a name that is not there. */
const mostLayers = 100;

/** The overlay that is a machine's root: what it stands on, and the upper that takes its writes. */
export class Root {
  readonly #agent: Agent;
  readonly #base: BaseMachine;
  readonly #directory: string;
  readonly #options: string;
  #stack: RootEntry[] = [];
  /** Bottom to top, what is mounted for base and stack, by the paths of the machine's outer namespace. */
  #lowers: Lower[];
  #upper: { readonly directory: string; readonly began: Attributes } | null = null;
  #count = 0;
  /** Layers this machine made that were not handed out yet. */
  #fresh: string[] = [];

  constructor(options: {
    readonly agent: Agent;
    readonly base: BaseMachine;
    /** Holds `layers`, `work`, `merged`, `views`. */
    readonly directory: string;
    readonly userXattr: boolean;
  }) {
    this.#agent = options.agent;
    this.#base = options.base;
    this.#directory = options.directory;
    const mountPoints = join(options.directory, 'mount-points');
    this.#lowers = [{ directory: options.base.root, kind: 'base' }];
    if (writeMountPoints(options.base, mountPoints)) this.#lowers.push({ directory: mountPoints, kind: 'base' });
    // Explicit, whatever the kernel's defaults: `metacopy=on` would hide reads of content, the others write into layers what another host cannot read.
    // Volatile: nothing in the machine waits for the disk; the store syncs once, when a run has ended.
    this.#options = options.userXattr
      ? 'volatile,userxattr,metacopy=off,index=off,nfs_export=off,xino=off'
      : 'volatile,metacopy=off,redirect_dir=off,index=off,nfs_export=off,xino=off';
  }

  /** What the machine stands on, without its upper. */
  get stack(): readonly RootEntry[] {
    return [...this.#stack];
  }

  /** Puts entries on top, over what has been written so far. The machine has no process; `mount` must follow. */
  async push(entries: readonly RootEntry[], above: readonly Attributes[] | null = null): Promise<void> {
    this.settle();
    for (const entry of entries) {
      const directory = await this.place(entry, above);
      this.#lowers.push(
        entry.kind === 'view' ? { directory, kind: 'view', view: entry.view } : { directory, kind: 'layer' },
      );
      this.#stack.push(entry);
    }
  }

  /** Makes what was written an immutable layer, if anything was; whether it did. The machine has no process; `mount` must follow where it did. */
  settle(): boolean {
    const upper = this.#upper;
    if (upper === null) return false;
    if (isUntouched(upper.directory, upper.began)) return false;
    this.#upper = null;
    this.#lowers.push({ directory: upper.directory, kind: 'layer' });
    this.#stack.push({ kind: 'layer', directory: upper.directory, at: null });
    this.#fresh.push(upper.directory);
    return true;
  }

  /** Mounts the stack with an upper, a new one where the last was settled, as the machine's root. */
  async mount(): Promise<void> {
    await this.#flatten();
    const number = this.#count++;
    if (this.#upper === null) {
      const directory = join(this.#directory, 'layers', String(number));
      const began = rootAttributes(this.stack, this.#base);
      mkdirSync(directory);
      applyAttributes(directory, began);
      this.#upper = { directory, began };
    }
    const work = join(this.#directory, 'work', String(number));
    mkdirSync(work);
    const lowers = this.#lowers.map(({ directory }) => directory).toReversed();
    await this.#agent.ask('root', this.#options, this.#upper.directory, work, ...lowers);
  }

  /**
   * Lets directories of the repository that layers hold too (because a step wrote into them, or into a volume) show this time, as those show it that only
   * views hold: a layer keeps the time it was written at, whatever the repository has put into the directory since.
   */
  async renewDirectories(how: {
    /** Seconds since 1970; null where they need not. */
    readonly seconds: number | null;
    /** For each path the ordinal of the last view that has it as a directory. */
    readonly inViews: (paths: readonly GuestPath[]) => Promise<readonly (number | null)[]>;
    /** What was copied in, as a directory rooted at `/`; null where nothing was. */
    readonly copied: string | null;
  }): Promise<void> {
    const { seconds, copied } = how;
    if (seconds === null) return;
    const lowers: readonly Lower[] =
      copied === null ? this.#lowers : [...this.#lowers, { directory: copied, kind: 'layer' }];
    const covered = await coveredDirectories(lowers, how.inViews);
    if (covered.length > 0) await this.#agent.ask('date', seconds, ...covered.map(encodeName));
  }

  /** Copies what was written, whiteouts and opaque marks included, while the machine stands still. Null where nothing was. */
  async copy(): Promise<string | null> {
    const upper = this.#upper;
    if (upper === null || isUntouched(upper.directory, upper.began)) return null;
    const directory = join(this.#directory, 'layers', `copy-${this.#count++}`);
    await run('cp', ['-a', '--reflink=auto', '--', upper.directory, directory]);
    this.#fresh.push(directory);
    return directory;
  }

  /** The layers made since the last call, oldest first. */
  takeFresh(): readonly string[] {
    const fresh = this.#fresh;
    this.#fresh = [];
    return fresh;
  }

  /** A directory that holds an entry rooted at `/`; `above` is what the directories on the way to it show. */
  async place(entry: RootEntry, above: readonly Attributes[] | null): Promise<string> {
    if (entry.kind === 'view') return join(this.#directory, 'views', String(entry.view.ordinal));
    if (entry.at === null || entry.at === '/') return entry.directory;
    const attributes = above ?? attributesTo(entry.at, this.stack, this.#base);
    return rootedAt(entry.directory, entry.at, attributes) ?? (await this.#link(entry.directory, entry.at, attributes));
  }

  /** An overlay cannot root a layer below `/`: it is linked into place, file by file; across file systems, copied. */
  async #link(directory: string, at: GuestPath, above: readonly Attributes[]): Promise<string> {
    const root = join(this.#directory, 'merged', String(this.#count++));
    mkdirSync(dirname(root), { recursive: true });
    const target = join(makeAbove(root, at, above), at.split('/').at(-1) ?? '');
    if ((await stat(directory)).dev === (await stat(root)).dev) await this.#agent.ask('merge', target, directory);
    else await run('cp', ['-a', '--reflink=auto', '--', directory, target]);
    // A directory that is there already shows what it showed: the layer brings what lies in it.
    const own = ownAttributes(at, above);
    if (own !== null) applyAttributes(target, own);
    return root;
  }

  /** Merges neighbouring layers, from the bottom, until few enough are left. */
  async #flatten(): Promise<void> {
    while (this.#lowers.length > mostLayers) {
      const from = this.#lowers.findIndex(({ kind }, at) => kind === 'layer' && this.#lowers[at + 1]?.kind === 'layer');
      if (from === -1) return;
      const end = this.#lowers.findIndex(({ kind }, at) => at > from && kind !== 'layer');
      const group = this.#lowers.slice(from, end === -1 ? undefined : end);
      const directory = join(this.#directory, 'merged', String(this.#count++));
      mkdirSync(dirname(directory), { recursive: true });
      await this.#agent.ask('merge', directory, ...group.map((lower) => lower.directory));
      this.#lowers.splice(from, group.length, { directory, kind: 'layer' });
    }
  }
}
