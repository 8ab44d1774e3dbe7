import { Buffer } from 'node:buffer';
import { MachineLost, MachineRefused } from '../../driver.ts';
import { Session } from './session.ts';

/** Hears what a child of the agent's does. */
export interface ChildListener {
  /** It runs; its process identifier, as the agent counts. */
  started?(pid: number): void;
  /** It could not be started. */
  refused(errno: number): void;
  output(bytes: Buffer): void;
  /** It has ended, with a status as wait(2) has it. More output comes only from those that stay. */
  ended(status: number): void;
}

/** How a child is started: whether it is `vital` (the guest ends with it), or what others write to its output after its end is heard, too (`stays`). */
export interface ChildOptions {
  readonly kind?: 'vital' | 'stays' | 'plain';
  /** Whose process identifiers it has: the agent's, new ones of which it has the first, or those that a file of the guest's stands for. */
  readonly space?: 'own' | 'new' | { readonly file: string };
}

const kinds = { vital: 'v', stays: 's', plain: '-' } as const;
const headerBytes = 9;

/**
 * The agent's children, by number. Messages, both ways: the length of the rest (u32), the child's number (u32), a letter, and more; numbers are big
 * endian, and guest.h says what the letters mean.
 */
export class Children {
  readonly #send: (bytes: Buffer) => void;
  readonly #listeners = new Map<number, ChildListener>();
  #next: number;
  #rest: Buffer[];

  constructor(
    send: (bytes: Buffer) => void,
    state: { readonly next: number; readonly unparsed: Buffer } = { next: 1, unparsed: Buffer.alloc(0) },
  ) {
    this.#send = send;
    this.#next = state.next;
    this.#rest = [state.unparsed];
  }

  /** The number of the next child, and the part of a message that has come. */
  get state(): { readonly next: number; readonly unparsed: Buffer } {
    return { next: this.#next, unparsed: Buffer.concat(this.#rest) };
  }

  start(listener: ChildListener, { kind = 'plain', space = 'own' }: ChildOptions = {}): number {
    const number = this.#next++;
    this.#listeners.set(number, listener);
    const file = space === 'own' ? '' : space === 'new' ? 'new' : space.file;
    this.#tell(number, 's', Buffer.from(`${kinds[kind]}${file}\0`));
    return number;
  }

  /** Hears, from now on, a child that was started before. */
  listen(number: number, listener: ChildListener): void {
    this.#listeners.set(number, listener);
  }

  /** What it does is not heard any more. */
  forget(number: number): void {
    this.#listeners.delete(number);
  }

  /** Writes to its input. */
  write(number: number, bytes: Buffer): void {
    this.#tell(number, 'i', bytes);
  }

  kill(number: number): void {
    this.#tell(number, 'k', Buffer.alloc(0));
  }

  /** What the agent said, in pieces of any size. */
  heard(piece: Buffer): void {
    this.#rest.push(piece);
    let length = this.#rest.reduce((sum, { length }) => sum + length, 0);
    while (length >= headerBytes) {
      if ((this.#rest[0]?.length ?? 0) < headerBytes) this.#rest = [Buffer.concat(this.#rest)];
      const size = 4 + (this.#rest[0]?.readUInt32BE(0) ?? 0);
      if (length < size) return;
      const all = this.#rest.length === 1 && this.#rest[0] ? this.#rest[0] : Buffer.concat(this.#rest);
      this.#rest = [all.subarray(size)];
      length -= size;
      this.#message(all.subarray(0, size));
    }
  }

  #message(message: Buffer): void {
    const number = message.readUInt32BE(4);
    const listener = this.#listeners.get(number);
    if (listener === undefined) return;
    const more = message.subarray(headerBytes);
    switch (String.fromCharCode(message[8] ?? 0)) {
      case 's':
        listener.started?.(more.readUInt32BE(0));
        return;
      case 'o':
        listener.output(more);
        return;
      case 'f':
        this.#listeners.delete(number);
        listener.refused(more.readUInt32BE(0));
        return;
      case 'x':
        listener.ended(more.readUInt32BE(0));
    }
  }

  #tell(number: number, letter: string, more: Buffer): void {
    const message = Buffer.alloc(headerBytes + more.length);
    message.writeUInt32BE(message.length - 4, 0);
    message.writeUInt32BE(number, 4);
    message.write(letter, 8, 'latin1');
    more.copy(message, headerBytes);
    this.#send(message);
  }
}

/** A child that does calls, and what becomes of it. */
export interface Worker {
  readonly number: number;
  readonly session: Session;
  /** Its process identifier, as the agent counts. Rejects where it could not be started. */
  readonly pid: Promise<number>;
}

/** Starts children to do calls; they end with the machine. */
export class Workers {
  readonly #children: Children;
  readonly #gone: Promise<string>;
  #lost: string | null = null;

  constructor(children: Children, gone: Promise<string>) {
    this.#children = children;
    this.#gone = gone;
    void gone.then((why) => {
      this.#lost = why;
    });
  }

  /** A child in the agent's own surroundings. */
  session(): Session {
    return this.start().session;
  }

  start(options: ChildOptions = {}): Worker {
    return this.#watched((listener) => this.#children.start(listener, options));
  }

  /** One that was started before a restore, and owes no answer. */
  resume(number: number): Pick<Worker, 'number' | 'session'> {
    return this.#watched((listener) => {
      this.#children.listen(number, listener);
      return number;
    });
  }

  #watched(begin: (listener: ChildListener) => number): Worker {
    if (this.#lost !== null) throw new MachineLost(this.#lost);
    const pid = Promise.withResolvers<number>();
    pid.promise.catch(() => {});
    let open = true;
    const session = new Session({
      send: (bytes) => this.#children.write(number, bytes),
      end: () => {
        this.#children.forget(number);
        if (open) this.#children.kill(number);
        open = false;
      },
    });
    const over = (why: Error): void => {
      open = false;
      session.ended(why);
      pid.reject(why);
    };
    const number = begin({
      started: pid.resolve,
      refused: (errno) => over(new MachineRefused(`no process could be started in the machine: ${errno}`)),
      output: (bytes) => session.heard(bytes),
      ended: (status) => over(new MachineRefused(`what worked on it has died (${status})`)),
    });
    void this.#gone.then((why) => over(new MachineLost(why)));
    return { number, session, pid: pid.promise };
  }
}
