import { hash } from 'node:crypto';
import { digestBytes, pageBytes } from './page-index.ts';

const zeroPage = Buffer.alloc(pageBytes);

export function isZeroPage(page: Uint8Array): boolean {
  return zeroPage.equals(page);
}

/** 128 bits of SHA-1: two contents of a page would have to be made for it, by the guest, of its own memory. */
export function pageDigest(page: Buffer): Buffer {
  return hash('sha1', page, 'buffer').subarray(0, digestBytes);
}

/** What is known of each page of a machine whose newest saved level is the last of a chain: `image` until the machine has its own copy of it. */
export class PageDigests {
  readonly #kinds: Uint8Array;
  readonly #digests: Buffer;

  constructor(pages: number) {
    this.#kinds = new Uint8Array(pages);
    this.#digests = Buffer.alloc(pages * digestBytes);
  }

  isKnown(page: number): boolean {
    return this.#kinds[page] !== 0;
  }

  isZero(page: number): boolean {
    return this.#kinds[page] === 2;
  }

  equals(page: number, digest: Buffer): boolean {
    const at = page * digestBytes;
    return this.#kinds[page] === 1 && digest.compare(this.#digests, at, at + digestBytes) === 0;
  }

  setZero(page: number): void {
    this.#kinds[page] = 2;
  }

  set(page: number, digest: Buffer): void {
    this.#kinds[page] = 1;
    digest.copy(this.#digests, page * digestBytes, 0, digestBytes);
  }
}
