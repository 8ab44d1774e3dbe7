import { Duplex } from 'node:stream';

/** At most this much is under way that the other side has not taken; the agent has the same number. */
const windowBytes = 1 << 20;

/**
 * One of the byte streams that a request to the agent opens: `data` goes both ways, each side tells how much it `took`, and `end` ends a way. Neither side
 * has to keep more than a window, however slow the other is.
 */
export class Transfer extends Duplex {
  readonly #tell: (what: 'data' | 'took' | 'end', field: Uint8Array | number) => void;
  #untaken = 0;
  #untold = 0;
  #waiting: (() => void) | null = null;

  constructor(tell: (what: 'data' | 'took' | 'end', field: Uint8Array | number) => void) {
    super({ allowHalfOpen: true, readableHighWaterMark: windowBytes, writableHighWaterMark: windowBytes });
    this.#tell = tell;
  }

  /** The agent sent bytes. */
  came(bytes: Buffer): void {
    this.#untold += bytes.length;
    if (this.push(bytes)) this._read();
  }

  /** The agent took bytes. */
  took(bytes: number): void {
    this.#untaken -= bytes;
    if (this.#untaken >= windowBytes) return;
    const go = this.#waiting;
    this.#waiting = null;
    go?.();
  }

  override _read(): void {
    if (this.#untold === 0) return;
    this.#tell('took', this.#untold);
    this.#untold = 0;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    for (let at = 0; at < chunk.length; at += 1 << 15) this.#tell('data', chunk.subarray(at, at + (1 << 15)));
    this.#untaken += chunk.length;
    if (this.#untaken < windowBytes) done();
    else this.#waiting = done;
  }

  override _final(done: () => void): void {
    this.#tell('end', 0);
    done();
  }
}
