/*
 * In an index, a snapshot's directories have names in place of paths: an archive's digest, or for a CACHE volume its id, by which runs know
 * whether a newer one stems from it.
 */
const volumePrefix = 'volume:';

/** What a volume is called in an index. */
export function volumeName(id: string): string {
  return `${volumePrefix}${id}`;
}

/** The id of the volume that is called so; null where the name is an archive's digest. */
export function volumeIdOf(name: string): string | null {
  return name.startsWith(volumePrefix) ? name.slice(volumePrefix.length) : null;
}
