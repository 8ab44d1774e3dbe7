import { volumeIdOf } from './names.ts';
import {
  either,
  isCount,
  isFlag,
  isGuestPath,
  isNumber,
  isText,
  listOf,
  matches,
  objectWith,
  oneOf,
  orNull,
  recordOf,
  type Check,
} from './shape.ts';

const isDigest = matches(/^sha256:[0-9a-f]{64}$/);
const isInstanceId = matches(/^[0-9a-f]{32}$/);
const isPieces = listOf(objectWith({ digest: isDigest, sizeBytes: isCount }));
const isMtimes = orNull(recordOf(recordOf(listOf(isText))));

const isView = objectWith({
  ordinal: isCount,
  tree: isText,
  sources: listOf(objectWith({ path: isText, glob: isFlag })),
  destination: isGuestPath,
  placement: oneOf('into', 'as'),
  ancestors: listOf(objectWith({ mode: isCount, uid: isCount, gid: isCount })),
});

const isState = objectWith({
  env: recordOf(listOf(either(isText, objectWith({ secret: isText })))),
  cwd: isGuestPath,
  user: isText,
  home: isGuestPath,
  setupFiles: listOf(isGuestPath),
  caches: listOf(isGuestPath),
  background: listOf(objectWith({ step: isCount, ports: listOf(isCount), ended: isFlag })),
});

const isEntry = either(
  objectWith({ kind: oneOf('layer'), directory: isText, at: orNull(isGuestPath) }),
  objectWith({ kind: oneOf('view'), view: isView }),
);

const isInstance = objectWith({
  id: isInstanceId,
  // A root, SPLIT or press id is longer.
  parent: matches(/^([0-9a-f]{32}|[0-9a-f]{64})$/),
  key: matches(/^[0-9a-f]{64}$/),
  first: isFlag,
  keyParts: listOf(objectWith({ name: isText, value: isText })),
  title: isText,
  layer: isText,
  observations: isText,
  state: isState,
  view: orNull(isView),
  exitCode: isNumber,
  outputTail: isText,
  durationMs: isNumber,
  createdAt: isNumber,
  usedAt: isNumber,
  data: orNull(objectWith({ stack: listOf(isEntry), mtimes: isMtimes })),
  notKept: orNull(isText),
});

const isVolume = objectWith({
  path: isGuestPath,
  at: isGuestPath,
  layer: isDigest,
  mtimes: isMtimes,
  createdAt: isNumber,
  ancestors: listOf(isText),
  isOwn: isFlag,
});

const isWhole = objectWith({
  scope: objectWith({ repository: isText, ref: isText, trust: oneOf('own', 'fork') }),
  instances: listOf(isInstance),
  layers: recordOf(isPieces),
  volumes: recordOf(isVolume),
  bases: recordOf(objectWith({ layer: isDigest })),
});

interface Named {
  readonly instances: readonly {
    readonly data: { readonly stack: readonly { readonly directory?: string }[] } | null;
  }[];
  readonly layers: Readonly<Record<string, unknown>>;
  readonly volumes: Readonly<Record<string, { readonly layer: string }>>;
  readonly bases: Readonly<Record<string, { readonly layer: string }>>;
}

/** Whether what was JSON is an index document, with all that it names in it. */
export const isDocument: Check = (value) => {
  if (!isWhole(value)) return false;
  const { instances, layers, volumes, bases } = value as Named;
  if (!Object.keys(layers).every(isDigest)) return false;
  const isLayer = (digest: string): boolean => Object.hasOwn(layers, digest);
  const isName = (name: string | undefined): boolean => {
    if (name === undefined) return true;
    const volume = volumeIdOf(name);
    return volume === null ? isLayer(name) : Object.hasOwn(volumes, volume);
  };
  return (
    [...Object.values(volumes), ...Object.values(bases)].every((one) => isLayer(one.layer)) &&
    instances.every(({ data }) => data === null || data.stack.every((entry) => isName(entry.directory)))
  );
};
