import { staticText } from '../../src/ir/expand.ts';
import type { Cache, Layer, Plan } from '../../src/ir/ir.ts';
import { guestPath, type Scope, walk } from '../../src/ir/walk.ts';

/** The absolute paths of a CACHE; null where one is not fixed. `~` of a user who is made here is /home/<user>. */
export function cachePaths(plan: Plan, layer: Layer, index: number, step: Cache): readonly string[] | null {
  const scope = walk(plan, layer.id).find((one) => one.layer === layer && one.index === index)?.scope;
  return scope === undefined ? null : cachePathsIn(scope, step);
}

/** The same where the scope is known. */
export function cachePathsIn(scope: Scope, step: Cache): readonly string[] | null {
  const paths = step.paths.map((path) => {
    const text = staticText(path);
    const home = scope.user === null ? null : scope.user === 'root' ? '/root' : `/home/${scope.user}`;
    if (text !== null && home !== null && (text === '~' || text.startsWith('~/'))) return `${home}${text.slice(1)}`;
    return guestPath(scope, text);
  });
  return paths.every((path) => path !== null) ? paths : null;
}

/** CACHE of an Earthfile for a path: the same content in every target and every Earthfile that keeps the path. */
export function cacheLine(path: string): string {
  return `CACHE --sharing=shared --chmod=0777 --id=layer${path.replace(/[^A-Za-z0-9]+/g, '-')}-${checksum(path)} ${path}`;
}

/** FNV-1a, 32 bit, hex: tells paths apart whose readable part is the same. */
function checksum(text: string): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}
