import { Buffer } from 'node:buffer';
import { constants } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Call } from './calls.ts';
import { atWorkingDirectory as here, call, closeOnExec, pieceBytes } from './calls.ts';
import type { Worker, Workers } from './children.ts';
import { enterMachine } from './namespaces.ts';
import type { Session } from './session.ts';

/** ioctl_tty(2): lock, number, size of a terminal. */
const ioctls = { lock: 0x40045431, number: 0x80045430, size: 0x5414 };
/** The kernel hands on what was written to a terminal a moment later. */
const lastWordsMs = 200;

/** A terminal of the machine's own (pty(7)): one session waits for what is printed on it, another types. */
export class GuestTerminal implements Disposable {
  readonly #reader: Worker;
  readonly #writer: Session;
  readonly #init: number;
  readonly #output: (chunk: Uint8Array) => void;
  readonly #over = Promise.withResolvers<void>();
  #size: { readonly columns: number; readonly rows: number };
  #master = -1;
  /** The master in the session that types; null before it is open. */
  #typing: number | null = null;

  constructor(
    workers: Workers,
    options: {
      readonly init: number;
      readonly columns: number;
      readonly rows: number;
      readonly output: (chunk: Uint8Array) => void;
    },
  ) {
    this.#init = options.init;
    this.#output = options.output;
    this.#size = options;
    this.#reader = workers.start();
    this.#writer = workers.session();
  }

  /** Its path in the machine. */
  async open(): Promise<string> {
    const master = { resultOf: 6 };
    const results = await this.#reader.session.run([
      ...enterMachine(this.#init),
      call('openat', here, '/dev/pts/ptmx', constants.O_RDWR | constants.O_NOCTTY | closeOnExec, 0),
      call('ioctl', master, ioctls.lock, Buffer.alloc(4)),
      call('ioctl', master, ioctls.number, { room: 4 }),
    ]);
    this.#master = results[6]?.value ?? -1;
    const [, shared] = await this.#writer.run([
      call('pidfd_open', await this.#reader.pid, 0),
      call('pidfd_getfd', { resultOf: 0 }, this.#master, 0),
    ]);
    this.#typing = shared?.value ?? -1;
    await this.#writer.run([this.#sized()]);
    return `/dev/pts/${results[8]?.rooms[0]?.readUInt32LE(0)}`;
  }

  /** Hears it from now on, until nobody has it open. */
  read(): void {
    const pull = async (): Promise<void> => {
      for (;;) {
        const read = await this.#reader.session.call('read', this.#master, { filled: pieceBytes }, pieceBytes);
        const piece = read.rooms[0];
        if (piece === undefined || piece.length === 0) return;
        this.#output(piece);
      }
    };
    // EIO is its end.
    pull()
      .catch(() => {})
      .finally(() => this.#over.resolve());
  }

  type(bytes: Uint8Array): void {
    if (this.#typing !== null) this.#tell(call('write', this.#typing, bytes, bytes.length));
  }

  resize(columns: number, rows: number): void {
    this.#size = { columns, rows };
    if (this.#typing !== null) this.#tell(this.#sized());
  }

  #sized(): Call {
    const size = Buffer.alloc(8);
    size.writeUInt16LE(this.#size.rows, 0);
    size.writeUInt16LE(this.#size.columns, 2);
    return call('ioctl', this.#typing ?? -1, ioctls.size, size);
  }

  /** A terminal that is over takes nothing, and nobody minds. */
  #tell(one: Call): void {
    this.#writer.run([one]).catch(() => {});
  }

  /** Its command has ended: what is still to be heard is heard, and it is closed. */
  async ended(): Promise<void> {
    await Promise.race([this.#over.promise, sleep(lastWordsMs)]);
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.#reader.session[Symbol.dispose]();
    this.#writer[Symbol.dispose]();
  }
}
