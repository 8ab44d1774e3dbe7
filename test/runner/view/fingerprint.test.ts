import { expect, test } from 'vitest';
import type { GuestPath } from '../../../src/host.ts';
import { fingerprint } from '../../../src/runner/view/fingerprint.ts';
import type { ObservationKind, View, ViewEntry, ViewSpec } from '../../../src/runner/view/view.ts';

const plain = { mode: 0o664, uid: 0, gid: 0, sizeBytes: 0, target: null, source: null };
const file = (digest: string, sizeBytes: number, mode = 0o664): [ViewEntry, string] => [
  { ...plain, kind: 'file', sizeBytes, mode },
  digest,
];
const directory: [ViewEntry, null] = [{ ...plain, kind: 'directory', mode: 0o775 }, null];
const link = (target: string): [ViewEntry, null] => [
  { ...plain, kind: 'link', mode: 0o777, target, sizeBytes: target.length },
  null,
];

function view(entries: Record<string, [ViewEntry, string | null]>): View {
  return {
    spec: {} as ViewSpec,
    entry: (path) => entries[path]?.[0] ?? null,
    kind: (path) => entries[path]?.[0].kind ?? null,
    digest: (path) => entries[path]?.[1] ?? null,
    list: (path) =>
      entries[path]?.[0].kind !== 'directory'
        ? null
        : Object.keys(entries)
            .filter((other) => other.startsWith(`${path}/`) && !other.slice(path.length + 1).includes('/'))
            .map((other) => other.slice(path.length + 1))
            .sort(),
    missing: [],
  };
}

/** Each way `/a` can be; no two of them may look the same to an observation that tells them apart. */
const worlds: Record<string, View> = {
  nothing: view({}),
  file: view({ '/a': file('one', 3) }),
  otherContent: view({ '/a': file('two', 3) }),
  otherSize: view({ '/a': file('three', 4) }),
  executable: view({ '/a': file('one', 3, 0o775) }),
  directory: view({ '/a': directory }),
  populated: view({ '/a': directory, '/a/x': file('one', 3) }),
  populatedOtherKind: view({ '/a': directory, '/a/x': directory }),
  renamed: view({ '/a': directory, '/a/y': file('one', 3) }),
  badName: view({ '/a': directory, '/a/\udc80': file('one', 3) }),
  otherBadName: view({ '/a': directory, '/a/\udc81': file('one', 3) }),
  link: view({ '/a': link('b') }),
  otherLink: view({ '/a': link('c') }),
  linkToNothing: view({ '/a': link('nothing') }),
};

const distinguishes: Record<ObservationKind, readonly (readonly string[])[]> = {
  content: [['nothing'], ['file', 'executable'], ['otherContent'], ['otherSize'], ['directory'], ['link']],
  listing: [
    ['nothing'],
    ['file'],
    ['directory'],
    ['populated'],
    ['populatedOtherKind'],
    ['renamed'],
    ['badName'],
    ['otherBadName'],
  ],
  absent: [['nothing'], ['file', 'otherContent'], ['directory', 'populated'], ['link']],
  link: [['nothing'], ['file', 'otherContent'], ['directory'], ['link'], ['otherLink'], ['linkToNothing']],
  entry: [
    ['nothing'],
    ['file', 'otherContent', 'otherSize'],
    ['executable'],
    ['directory', 'populated'],
    ['link', 'otherLink'],
  ],
  attributes: [
    ['nothing'],
    ['file', 'otherContent'],
    ['otherSize'],
    ['executable'],
    ['directory', 'populated'],
    ['link', 'otherLink'],
  ],
};

test.each(Object.entries(distinguishes))('%s tells apart what it must, and nothing else', (kind, classes) => {
  const seen = classes.map((names) => {
    const prints = new Set(names.map((name) => fingerprint(worlds[name]!, '/a' as GuestPath, kind as ObservationKind)));
    expect(prints.size, names.join(' ')).toBe(1);
    return [...prints][0];
  });
  expect(new Set(seen).size).toBe(classes.length);
});
