import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';

/** Begins every greeting, on both ways; 16 bytes. */
const magic = Buffer.from('layer-vm-hello-1', 'latin1');
const mostPayloadBytes = 1 << 16;
const headerBytes = 16;
/** A packet without its payload. */
const packetBytes = headerBytes + 4;
const helloBytes = 48;
const acknowledgeAfterBytes = 1 << 17;

/** Where a stream to a guest stood while that guest stood still: with it, a new end goes on without losing or repeating a byte. */
export interface ChannelState {
  /** Bytes taken from the guest. */
  readonly received: number;
  /** Bytes of the stream that the guest is known to have. */
  readonly acknowledged: number;
  /** What was sent beyond them, in base64. */
  readonly unacknowledged: string;
}

/**
 * The host's end of a stream over a port of the guest (channel.c is the other). QEMU's ports lose what is under way when a connection or QEMU ends,
 * so each side keeps what the other has not acknowledged, and both agree on where they stand when a connection begins. On the wire:
 *
 * To the guest: zero bytes, as many as a packet may lack, so that whatever packet was cut off in front of them ends; then the magic, the session
 * (u32, random, no byte of it zero), 1 to resume or 0 to begin anew (u32), bytes received so far (u64) and a nonce (16 bytes). Then packets: session,
 * length (u32), bytes received so far (u64), payload, session again, by which the guest knows that it is whole.
 *
 * From the guest, after anything that was left over: the magic, the nonce, bytes received so far (u64; all ones where it cannot resume). Then packets:
 * length (u32), bytes received so far (u64), payload. Numbers are big endian.
 */
export class Channel {
  /** Resolves, with the reason, when the connection has ended. */
  readonly gone: Promise<string>;
  readonly #stream: Duplex;
  readonly #session = Buffer.from(randomBytes(4).map((byte) => byte | 1));
  readonly #nonce = randomBytes(16);
  readonly #resumed: boolean;
  readonly #greeted = Promise.withResolvers<void>();
  readonly #lost = Promise.withResolvers<string>();
  #listener: ((bytes: Buffer) => void) | null = null;
  #heardHello = false;
  #in: Buffer = Buffer.alloc(0);
  #received: number;
  #told: number;
  #acknowledged: number;
  #unacknowledged: Buffer[];
  #gathering = false;

  private constructor(stream: Duplex, state: ChannelState | null) {
    this.#stream = stream;
    this.#resumed = state !== null;
    this.#received = this.#told = state?.received ?? 0;
    this.#acknowledged = state?.acknowledged ?? 0;
    this.#unacknowledged = state === null ? [] : [Buffer.from(state.unacknowledged, 'base64')];
    this.gone = this.#lost.promise;
    stream.on('error', (error) => this.#lost.resolve(error.message));
    stream.once('close', () => this.#lost.resolve('its connection ended'));
    stream.once('end', () => this.#lost.resolve('its connection ended'));
    stream.on('data', (chunk: Buffer) => this.#take(chunk));
  }

  /**
   * Greets the guest and waits until it answers, however long it takes to boot. `state` is where the stream stood when the guest's memory was saved;
   * null begins anew. `listener` hears the stream, in pieces of any size. Rejects when the connection ends first, and on abort.
   */
  static async open(
    stream: Duplex,
    options: {
      readonly state: ChannelState | null;
      readonly listener: (bytes: Buffer) => void;
      readonly signal: AbortSignal;
    },
  ): Promise<Channel> {
    const channel = new Channel(stream, options.state);
    channel.#listener = options.listener;
    const hello = Buffer.alloc(helloBytes);
    magic.copy(hello);
    channel.#session.copy(hello, 16);
    hello.writeUInt32BE(channel.#resumed ? 1 : 0, 20);
    hello.writeBigUInt64BE(BigInt(channel.#received), 24);
    channel.#nonce.copy(hello, 32);
    stream.write(Buffer.concat([Buffer.alloc(channel.#cutOff), hello]));
    const aborted = Promise.withResolvers<never>();
    const abort = (): void => aborted.reject(options.signal.reason);
    if (options.signal.aborted) abort();
    options.signal.addEventListener('abort', abort, { once: true });
    try {
      const why = await Promise.race([channel.#greeted.promise, channel.gone, aborted.promise]);
      if (typeof why === 'string') throw new Error(why);
      return channel;
    } finally {
      options.signal.removeEventListener('abort', abort);
    }
  }

  /** Sends bytes; false where the caller had better wait for `drained`. */
  send(bytes: Buffer): boolean {
    let ready = true;
    for (let at = 0; at < bytes.length; at += mostPayloadBytes) {
      const piece = bytes.subarray(at, at + mostPayloadBytes);
      this.#unacknowledged.push(piece);
      ready = this.#packet(piece);
    }
    return ready;
  }

  /** How much was sent since the stream began, in whatever connection. */
  get sentBytes(): number {
    return this.#acknowledged + this.#unacknowledged.reduce((sum, piece) => sum + piece.length, 0);
  }

  /** Where the stream stands. Only between the guest's `stop` and `cont` does it fit the guest's memory. */
  state(): ChannelState {
    return {
      received: this.#received,
      acknowledged: this.#acknowledged,
      unacknowledged: Buffer.concat(this.#unacknowledged).toString('base64'),
    };
  }

  /** How much may be missing of a packet whose end the guest did not get: it holds nothing that was acknowledged. */
  get #cutOff(): number {
    const unacknowledged = this.#unacknowledged.reduce((sum, piece) => sum + piece.length, 0);
    return (this.#resumed ? Math.min(unacknowledged, mostPayloadBytes) : mostPayloadBytes) + packetBytes + helloBytes;
  }

  #packet(payload: Buffer): boolean {
    const header = Buffer.alloc(headerBytes);
    this.#session.copy(header);
    header.writeUInt32BE(payload.length, 4);
    header.writeBigUInt64BE(BigInt(this.#received), 8);
    this.#told = this.#received;
    // What is sent together arrives together: the guest is woken once.
    if (!this.#gathering) {
      this.#gathering = true;
      this.#stream.cork();
      setImmediate(() => {
        this.#gathering = false;
        this.#stream.uncork();
      });
    }
    return this.#stream.write(Buffer.concat([header, payload, this.#session]));
  }

  #take(chunk: Buffer): void {
    this.#in = this.#in.length === 0 ? chunk : Buffer.concat([this.#in, chunk]);
    if (!this.#heardHello && !this.#hear()) return;
    let bytes = this.#in;
    while (bytes.length >= 12) {
      const length = bytes.readUInt32BE(0);
      if (bytes.length < 12 + length) break;
      this.#acknowledge(Number(bytes.readBigUInt64BE(4)));
      this.#received += length;
      if (length > 0) this.#listener?.(Buffer.from(bytes.subarray(12, 12 + length)));
      bytes = bytes.subarray(12 + length);
    }
    this.#in = bytes;
    if (this.#received - this.#told > acknowledgeAfterBytes) this.#packet(Buffer.alloc(0));
  }

  /** Looks for the guest's greeting in whatever the connection before left over. */
  #hear(): boolean {
    const greeting = Buffer.concat([magic, this.#nonce]);
    const at = this.#in.indexOf(greeting);
    if (at < 0) {
      this.#in = this.#in.subarray(Math.max(0, this.#in.length - greeting.length + 1));
      return false;
    }
    if (this.#in.length < at + greeting.length + 8) return false;
    const position = this.#in.readBigUInt64BE(at + greeting.length);
    this.#in = this.#in.subarray(at + greeting.length + 8);
    if (position === 0xffff_ffff_ffff_ffffn) {
      this.#lost.resolve('what is known of the guest does not fit it');
      return false;
    }
    this.#heardHello = true;
    this.#acknowledge(Number(position));
    const again = Buffer.concat(this.#unacknowledged);
    this.#unacknowledged = [];
    this.send(again);
    this.#greeted.resolve();
    return true;
  }

  #acknowledge(position: number): void {
    let bytes = position - this.#acknowledged;
    this.#acknowledged = position;
    while (bytes > 0) {
      const first = this.#unacknowledged[0];
      if (first === undefined) throw new Error('the guest acknowledges more than was sent');
      if (first.length > bytes) {
        this.#unacknowledged[0] = first.subarray(bytes);
        return;
      }
      bytes -= first.length;
      this.#unacknowledged.shift();
    }
  }
}
