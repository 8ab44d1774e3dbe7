/** The end of a stream, so many bytes at most. */
export interface Tail {
  push(chunk: Uint8Array): void;
  text(): string;
}

export function createTail(maxBytes: number): Tail {
  let chunks: Uint8Array[] = [];
  let bytes = 0;
  return {
    push(chunk) {
      chunks.push(chunk.length > maxBytes ? chunk.subarray(chunk.length - maxBytes) : chunk);
      bytes += chunk.length;
      if (bytes > 4 * maxBytes) {
        chunks = [Buffer.concat(chunks).subarray(-maxBytes)];
        bytes = maxBytes;
      }
    },
    text() {
      return Buffer.concat(chunks).subarray(-maxBytes).toString('utf8');
    },
  };
}
