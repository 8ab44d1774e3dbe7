import { Buffer } from 'node:buffer';
import type { TarEntry } from './tar-entry.ts';
import { attributePrefix, blockBytes, headerFields, tarTypes } from './tar-entry.ts';

/** Ends an archive. */
export const tarEnd: Buffer = Buffer.alloc(2 * blockBytes);

/** What follows `size` bytes of content. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((blockBytes - (size % blockBytes)) % blockBytes);
}

/** An entry's headers (POSIX.1-2001, pax, where a ustar header cannot hold it); its content and padding follow. */
export function encodeTarHeader(entry: TarEntry): Buffer {
  const records = Buffer.concat(recordsOf(entry));
  const extended =
    records.length === 0
      ? []
      : [ustar({ name: 'pax', type: 'x', size: records.length }), records, tarPadding(records.length)];
  const { seconds } = entry.modified;
  const own = ustar({
    name: entry.path,
    link: entry.target,
    type: String(tarTypes.indexOf(entry.type)),
    size: entry.size < 2 ** 33 ? entry.size : 0,
    mode: entry.mode,
    uid: entry.uid % 2 ** 21,
    gid: entry.gid % 2 ** 21,
    mtime: Number(BigInt.asUintN(33, seconds)),
    major: entry.major % 2 ** 21,
    minor: entry.minor % 2 ** 21,
  });
  return Buffer.concat([...extended, own]);
}

function recordsOf(entry: TarEntry): Buffer[] {
  const records: Buffer[] = [];
  const add = (key: string, value: string | Buffer): void =>
    void records.push(record(key, Buffer.from(value as string, 'latin1')));
  const { seconds, nanoseconds } = entry.modified;
  if (entry.path.length > headerFields.name[1]) add('path', entry.path);
  if (entry.target.length > headerFields.link[1]) add('linkpath', entry.target);
  if (entry.size >= 2 ** 33) add('size', String(entry.size));
  if (entry.uid >= 2 ** 21) add('uid', String(entry.uid));
  if (entry.gid >= 2 ** 21) add('gid', String(entry.gid));
  if (nanoseconds > 0 || seconds < 0n || seconds >= 2n ** 33n) add('mtime', decimal(seconds, nanoseconds));
  for (const { name, value } of entry.attributes) add(`${attributePrefix}${name}`, value);
  return records;
}

/** `LENGTH KEY=VALUE\n`, where the length counts itself. */
function record(key: string, value: Buffer): Buffer {
  const rest = 1 + key.length + 1 + value.length + 1;
  let size = rest + 1;
  while (String(size).length + rest !== size) size = String(size).length + rest;
  return Buffer.concat([Buffer.from(`${size} ${key}=`, 'latin1'), value, Buffer.from('\n')]);
}

/** Seconds and their fraction; one before 1970 counts its fraction from the second above. */
function decimal(seconds: bigint, nanoseconds: number): string {
  const total = seconds * 1_000_000_000n + BigInt(nanoseconds);
  const size = total < 0n ? -total : total;
  const fraction = String(size % 1_000_000_000n).padStart(9, '0');
  return `${total < 0n ? '-' : ''}${size / 1_000_000_000n}.${fraction}`;
}

function ustar(fields: {
  readonly name: string;
  readonly type: string;
  readonly size: number;
  readonly link?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  readonly major?: number;
  readonly minor?: number;
}): Buffer {
  const header = Buffer.alloc(blockBytes);
  const text = (field: keyof typeof headerFields, value: string): void => {
    const [at, length] = headerFields[field];
    header.write(value.slice(0, length), at, 'latin1');
  };
  const octal = (field: keyof typeof headerFields, value = 0): void =>
    text(field, value.toString(8).padStart(headerFields[field][1] - 1, '0'));
  text('name', fields.name);
  text('link', fields.link ?? '');
  text('type', fields.type);
  text('magic', 'ustar\x0000');
  for (const field of ['mode', 'uid', 'gid', 'size', 'mtime', 'major', 'minor'] as const) octal(field, fields[field]);
  text('sum', ' '.repeat(8));
  const sum = header.reduce((total, byte) => total + byte, 0);
  text('sum', `${sum.toString(8).padStart(6, '0')}\0`);
  return header;
}
