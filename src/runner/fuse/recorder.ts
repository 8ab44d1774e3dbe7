import { posix } from 'node:path';
import { fingerprint } from '../view/fingerprint.ts';
import type { Observation, ObservationKind } from '../view/view.ts';
import { childPath, type Node } from './nodes.ts';

type NodeKindOfObservation = Exclude<ObservationKind, 'absent'>;

const bits: Readonly<Record<NodeKindOfObservation, number>> = {
  content: 1,
  listing: 2,
  link: 4,
  entry: 8,
  attributes: 16,
};

/** The bit of `Node.seen` that stands for a kind of observation. */
export function recorded(kind: NodeKindOfObservation): number {
  return bits[kind];
}

/** What one step was the first to see. */
export interface Cut {
  readonly observations: readonly Observation[];
  /** The first reason for which the step must fail: it was not given what is there. Null where there is none. */
  readonly fault: string | null;
  /** The first reason for which nobody can say that this is all it saw: it must not be stored. Null where there is none. */
  readonly doubt: string | null;
}

/**
 * Remembers what was looked at, once: a fact belongs to the step that saw it first, because a snapshot holds only if all steps up to it do.
 * What does not depend on the tree (outside the view's destination, but for the listing that shows of what kind it is) is left out, by path and for
 * no other reason.
 */
export class Recorder {
  #pending: { readonly node: Node; readonly kind: ObservationKind; readonly name: string | null }[] = [];
  #fault: string | null = null;
  #doubt: string | null = null;

  saw(node: Node, kind: NodeKindOfObservation): void {
    const bit = bits[kind];
    if ((node.seen & bit) !== 0 || !(node.observed || (kind === 'listing' && leadsToDestination(node)))) return;
    node.seen |= bit;
    this.#pending.push({ node, kind, name: null });
  }

  sawNothing(parent: Node, name: string): void {
    const { served } = parent;
    if (served === null) return;
    if (!parent.observed && childPath(parent, name) !== served.view.spec.destination) return;
    parent.absent ??= new Set();
    if (parent.absent.has(name)) return;
    parent.absent.add(name);
    this.#pending.push({ node: parent, kind: 'absent', name });
  }

  /** The step was not given what is there. The first reason of a step is kept. */
  fault(why: string): void {
    this.#fault ??= why;
  }

  /** The step may have seen more than is known. The first reason of a step is kept. */
  doubt(why: string): void {
    this.#doubt ??= why;
  }

  /** Hands over what was seen since the last cut. An observation that cannot be fingerprinted is a doubt. */
  cut(): Cut {
    const pending = this.#pending;
    this.#pending = [];
    const observations: Observation[] = [];
    for (const { node, kind, name } of pending) {
      const path = name === null ? node.path : childPath(node, name);
      const { view } = node.served ?? {};
      if (view === undefined) throw new Error(`${path} was observed outside every view`);
      try {
        observations.push({ view: view.spec.ordinal, path, kind, fingerprint: fingerprint(view, path, kind) });
      } catch (error) {
        this.doubt(`${path}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    const [fault, doubt] = [this.#fault, this.#doubt];
    this.#fault = this.#doubt = null;
    return { observations, fault, doubt };
  }
}

/** The directory above the destination: its listing tells whether a file, a directory or a link is copied there, without a look at it. */
function leadsToDestination({ served, path }: Node): boolean {
  return served !== null && path === posix.dirname(served.view.spec.destination);
}
