import { Buffer } from 'node:buffer';
import { createHmac } from 'node:crypto';
import { numbersPerPath, type Look } from './look.ts';

/** A look with what was concluded from it. */
export interface Conclusions {
  /** What decides, besides the disk, what the tree shows: its root and its rules. */
  readonly identity: string;
  /** By subject: why not, or how many observations hold. */
  readonly verdicts: Readonly<Record<string, string | number>>;
}

/** One of the looks in a file. Its seal has not been looked at. */
export interface KeptLook extends Conclusions {
  /** As it lies there, with its seal. */
  readonly bytes: Uint8Array;
  /** How many questions it is. */
  readonly questions: number;
  /** The look itself, taken apart when it is asked for first. */
  look(): Look;
}

const magic = 'layer-l3';
const sealBytes = 32;
const countsBytes = 16;
const headerBytes = magic.length + sealBytes + countsBytes;

/**
 * A look as bytes, sealed with a key (hex), since it decides what is skipped: magic, HMAC of all that follows, numbers of paths and of bytes (32 bits each,
 * and four bytes of nothing), numbers (64 bits each), kinds, the rest as JSON, and the paths with a NUL between them.
 * Numbers have the machine's byte order: a look does not travel. A file may hold several, one after the other.
 */
export function encodeLook({ paths, kinds, numbers, ...rest }: Look & Conclusions, key: string): Uint8Array {
  const json = Buffer.from(JSON.stringify(rest));
  const names = Buffer.from(paths.join('\0'));
  const counts = Uint32Array.of(paths.length, json.length, names.length, 0);
  const body = Buffer.concat([
    ...[counts, numbers].map((one) => Buffer.from(one.buffer, one.byteOffset, one.byteLength)),
    ...[kinds, json, names],
  ]);
  return Buffer.concat([Buffer.from(magic, 'latin1'), sealOf(body, key), body]);
}

/** The looks in a file, up to the first that is none. */
export function keptLooks(file: Uint8Array): readonly KeptLook[] {
  const looks: KeptLook[] = [];
  for (let at = 0; at < file.length;) {
    const one = firstLook(file.subarray(at));
    if (one === null) break;
    looks.push(one);
    at += one.bytes.length;
  }
  return looks;
}

function firstLook(bytes: Uint8Array): KeptLook | null {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (all.length < headerBytes || all.toString('latin1', 0, magic.length) !== magic) return null;
  const [count = 0, jsonBytes = 0, namesBytes = 0] = [0, 4, 8].map((at) =>
    all.readUInt32LE(headerBytes - countsBytes + at),
  );
  const kindsAt = headerBytes + count * numbersPerPath * 8;
  const jsonAt = kindsAt + count;
  const namesAt = jsonAt + jsonBytes;
  const end = namesAt + namesBytes;
  if (all.length < end) return null;
  const rest = parsed(all.toString('utf8', jsonAt, namesAt));
  if (rest === null) return null;
  let look: Look | null = null;
  return {
    identity: rest.identity,
    verdicts: rest.verdicts,
    bytes: bytes.subarray(0, end),
    questions: count + rest.lists.length + rest.links.length,
    look: () =>
      (look ??= {
        paths: count === 0 ? [] : all.toString('utf8', namesAt, end).split('\0'),
        kinds: all.subarray(kindsAt, jsonAt),
        // A copy of its own is aligned.
        numbers: new Float64Array(new Uint8Array(all.subarray(headerBytes, kindsAt)).buffer),
        lists: rest.lists,
        links: rest.links,
      }),
  };
}

function parsed(json: string): (Conclusions & Pick<Look, 'lists' | 'links'>) | null {
  try {
    return JSON.parse(json) as Conclusions & Pick<Look, 'lists' | 'links'>;
  } catch {
    return null;
  }
}

/** Whether a look was sealed with this key and is as it was written. */
export function isSealed({ bytes }: KeptLook, key: string): boolean {
  const body = bytes.subarray(magic.length + sealBytes);
  return sealOf(body, key).equals(bytes.subarray(magic.length, magic.length + sealBytes));
}

function sealOf(body: Uint8Array, key: string): Buffer {
  return createHmac('sha256', Buffer.from(key, 'hex')).update(body).digest();
}
