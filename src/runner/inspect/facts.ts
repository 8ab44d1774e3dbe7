import { differencesBetween, type KeyPart } from '../key.ts';
import { shownPath } from '../reads.ts';
import { fingerprint } from '../view/fingerprint.ts';
import type { Observation, ObservationKind, View } from '../view/view.ts';

/** One fact that a step saw, for a person. */
export interface ReadFact {
  readonly kind: ObservationKind;
  /** In the repository where it is from there, else in the machine. */
  readonly path: string;
  /** Where the step found it. */
  readonly machinePath: string;
  readonly holds: boolean;
  /** What it was and what it is now, in words. */
  readonly was: string;
  readonly now: string;
}

/** Observations as facts about these views, in the order of their paths. */
export function readFacts(observations: readonly Observation[], views: readonly View[]): readonly ReadFact[] {
  const facts = observations.map((observation): ReadFact => {
    const { path, kind } = observation;
    const view = views[observation.view];
    const now = view === undefined ? null : fingerprint(view, path, kind);
    return {
      ...{ kind, machinePath: path, path: view === undefined ? path : shownPath(view, path) },
      holds: now === observation.fingerprint,
      was: inWords(observation.fingerprint, kind),
      now: now === null ? 'no longer copied' : inWords(now, kind),
    };
  });
  return facts.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

const kindNames: Readonly<Record<string, string>> = { file: 'a file', directory: 'a directory', link: 'a link' };

/** What a fingerprint says. */
function inWords(print: string, kind: ObservationKind): string {
  if (print === 'nothing' || print === '') return 'not there';
  const known = kindNames[print];
  if (known !== undefined) return known;
  switch (kind) {
    case 'absent':
      return print;
    case 'content':
      return `content ${print.slice(0, 10)}`;
    case 'listing':
      return `names ${print.slice(0, 10)}`;
    case 'link':
      return print.replace(/^-> /, 'a link to ');
    case 'entry':
    case 'attributes': {
      const [what = '', mode = '', owner = '', size] = print.split(' ');
      return `${kindNames[what] ?? what}, mode ${mode}, owner ${owner}${size === undefined ? '' : `, ${size} bytes`}`;
    }
  }
}

/** A part of a step's key that is another than it was. */
export interface KeyFact {
  readonly name: string;
  /** Null where the key had, or has, no such part. */
  readonly was: string | null;
  readonly now: string | null;
}

/** What differs from the most similar of some earlier keys; null where there are none to compare with. */
export function keyFacts<T extends { readonly keyParts: readonly KeyPart[] }>(
  parts: readonly KeyPart[],
  earlier: readonly T[],
): { readonly nearest: T; readonly differs: readonly KeyFact[] } | null {
  const compared = earlier.map((one) => ({ nearest: one, differs: difference(one.keyParts, parts) }));
  const weight = ({ differs }: { differs: readonly KeyFact[] }): number =>
    differs.length + (differs.some((one) => one.name === 'instruction') ? 1000 : 0);
  return compared.toSorted((a, b) => weight(a) - weight(b))[0] ?? null;
}

function difference(was: readonly KeyPart[], now: readonly KeyPart[]): readonly KeyFact[] {
  return differencesBetween(was, now).map((one) => ({
    name: one.name,
    was: shownValue(one.name, one.was),
    now: shownValue(one.name, one.now),
  }));
}

/** A value of a key as a person wrote it; of a secret only that it is one. */
function shownValue(name: string, value: string | null): string | null {
  if (value === null) return null;
  if (!name.startsWith('BUILD ENV ')) return value;
  const parsed = JSON.parse(value) as string | null;
  if (parsed === null) return 'unset';
  return parsed.startsWith('=') ? JSON.stringify(parsed.slice(1)) : 'a secret value';
}
