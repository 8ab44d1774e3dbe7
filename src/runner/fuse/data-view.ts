import type { Buffer } from 'node:buffer';

/**
 * Gives a buffer's bytes as a `DataView`, which V8 reads and writes some ten times faster than `Buffer` as long as it has not compiled the code that does:
 * most view servers live for a few thousand requests. The last view is kept, for whoever uses one buffer again and again.
 */
export function keptView(): (buffer: Buffer) => DataView {
  let last: Buffer | null = null;
  let view: DataView = new DataView(new ArrayBuffer(0));
  return (buffer) => {
    if (buffer === last) return view;
    last = buffer;
    view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    return view;
  };
}
