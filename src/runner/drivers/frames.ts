import { Buffer } from 'node:buffer';

/** A field of a frame: text goes as UTF-8. */
export type Field = string | number | Uint8Array;

/** One frame of the protocol between a driver and the agent in its machine: its length (u32, big endian), then fields, each a length (u32) and bytes. */
export function encodeFrame(fields: readonly Field[]): Buffer {
  const parts: Buffer[] = [Buffer.alloc(4)];
  for (const field of fields) {
    const bytes = typeof field === 'object' ? Buffer.from(field) : Buffer.from(String(field), 'utf8');
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    parts.push(length, bytes);
  }
  const frame = Buffer.concat(parts);
  frame.writeUInt32BE(frame.length - 4);
  return frame;
}

/** Cuts a byte stream into frames; keeps what is incomplete for the next chunk. Throws on a frame that lies about its lengths. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  /** What has come of a frame that is not whole yet. */
  get rest(): Buffer {
    return this.#rest;
  }

  *push(chunk: Buffer): Generator<readonly Buffer[]> {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (bytes.length >= 4 && bytes.length >= 4 + bytes.readUInt32BE(0)) {
      const end = 4 + bytes.readUInt32BE(0);
      const fields: Buffer[] = [];
      for (let at = 4; at < end;) {
        const next = at + 4 <= end ? at + 4 + bytes.readUInt32BE(at) : end + 1;
        if (next > end) throw new Error('a frame of the agent is malformed');
        fields.push(bytes.subarray(at + 4, next));
        at = next;
      }
      bytes = bytes.subarray(end);
      yield fields;
    }
    this.#rest = Buffer.from(bytes);
  }
}
