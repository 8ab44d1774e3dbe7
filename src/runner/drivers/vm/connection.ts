import { Buffer } from 'node:buffer';
import { Duplex } from 'node:stream';
import { MachineRefused } from '../../driver.ts';
import type { Result } from './calls.ts';
import { call, CallFailed, closeOnExec, pieceBytes } from './calls.ts';
import type { Session } from './session.ts';

const family = { inet: 2, inet6: 10 } as const;
const streamSocket = 1;
const writing = 1;
/** Answers that are asked for ahead. */
const ahead = 2;

/** Connects to a TCP port on the loopback of a machine. Two sessions share the socket: one waits for what comes, the other writes. Throws where nothing listens. */
export async function connectInGuest(
  sessions: { readonly reader: Session; readonly writer: Session; readonly readerPid: number },
  port: number,
): Promise<Duplex> {
  const { reader, writer, readerPid } = sessions;
  const socket = await dial(reader, port);
  const [, shared] = await writer.run([
    call('pidfd_open', readerPid, 0),
    call('pidfd_getfd', { resultOf: 0 }, socket, 0),
  ]);
  return new Connection({ reader, writer, socket, shared: shared?.value ?? -1 });
}

async function dial(session: Session, port: number): Promise<number> {
  for (const kind of ['inet', 'inet6'] as const) {
    const address = Buffer.alloc(kind === 'inet' ? 16 : 28);
    address.writeUInt16LE(family[kind], 0);
    address.writeUInt16BE(port, 2);
    if (kind === 'inet') address.set([127, 0, 0, 1], 4);
    else address.writeUInt8(1, 23);
    const made = await session.call('socket', family[kind], streamSocket | closeOnExec, 0);
    const connected = await session
      .call('connect', made.value, address, address.length)
      .catch((error: unknown) => (error instanceof MachineRefused ? null : Promise.reject(error)));
    if (connected !== null) return made.value;
    await session.call('close', made.value);
  }
  throw new MachineRefused(`nothing listens on port ${port} of the machine`);
}

class Connection extends Duplex {
  readonly #reader: Session;
  readonly #writer: Session;
  readonly #socket: number;
  readonly #shared: number;
  #asked: Promise<Result>[] = [];
  #reading = false;

  constructor(parts: {
    readonly reader: Session;
    readonly writer: Session;
    readonly socket: number;
    readonly shared: number;
  }) {
    super({ allowHalfOpen: true });
    this.#reader = parts.reader;
    this.#writer = parts.writer;
    this.#socket = parts.socket;
    this.#shared = parts.shared;
  }

  override _read(): void {
    if (this.#reading) return;
    this.#reading = true;
    this.#pull().catch((error: Error) => {
      // A server that went away without a word has nothing more to say.
      if (error instanceof CallFailed) this.push(null);
      else this.destroy(error);
    });
  }

  async #pull(): Promise<void> {
    for (;;) {
      while (this.#asked.length < ahead) {
        const asked = this.#reader.call('recvfrom', this.#socket, { filled: pieceBytes }, pieceBytes, 0, 0, 0);
        asked.catch(() => {});
        this.#asked.push(asked);
      }
      const piece = (await this.#asked.shift())?.rooms[0];
      const more = this.push(piece === undefined || piece.length === 0 ? null : piece);
      if (more) continue;
      this.#reading = false;
      return;
    }
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#send(chunk).then(
      () => done(),
      // Nobody is there to take it.
      (error: Error) => (error instanceof CallFailed ? done() : done(error)),
    );
  }

  async #send(chunk: Buffer): Promise<void> {
    for (let at = 0; at < chunk.length;) {
      const piece = chunk.subarray(at, at + pieceBytes);
      at += (await this.#writer.call('sendto', this.#shared, piece, piece.length, noSignal, 0, 0)).value;
    }
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#writer.call('shutdown', this.#shared, writing).then(
      () => done(),
      () => done(),
    );
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#reader[Symbol.dispose]();
    this.#writer[Symbol.dispose]();
    done(error);
  }
}

const noSignal = 0x4000;
