/** What the client is asked: the file `object` of its working directory is what is saved, and where what is restored goes. */
export type CacheRequest =
  | { readonly kind: 'restore'; readonly key: string; readonly prefixes: readonly string[] }
  | { readonly kind: 'save'; readonly key: string };

/** `key`: what was restored or saved; null where there was nothing, or it was there. `why`: the service failed. */
export interface CacheAnswer {
  readonly key: string | null;
  readonly why: string | null;
}
