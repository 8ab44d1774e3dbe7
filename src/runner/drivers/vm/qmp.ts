import type { Socket } from 'node:net';
import { MachineLost } from '../../driver.ts';

/** What QEMU answers to a command it will not do. */
export class QmpError extends Error {
  override readonly name = 'QmpError';
}

type Reply = { readonly value: unknown } | { readonly error: string };

/**
 * QEMU's control channel: JSON texts in lines (QEMU's docs/interop/qmp-spec). Replies come in the order of the commands; events are kept only for
 * who waits for them.
 */
export class Qmp {
  readonly #socket: Socket;
  readonly #gone: Promise<string>;
  readonly #replies: ((reply: Reply) => void)[] = [];
  readonly #waiting = new Map<string, Set<(data: Readonly<Record<string, unknown>>) => void>>();

  private constructor(socket: Socket, gone: Promise<string>, greeting: () => void) {
    this.#socket = socket;
    this.#gone = gone;
    let rest = '';
    socket.setEncoding('utf8');
    socket.on('error', () => {});
    socket.on('data', (text: string) => {
      const lines = `${rest}${text}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line.trim() !== '') this.#heed(line, greeting);
    });
  }

  /** Waits for the greeting and agrees on the protocol. `gone` resolves when QEMU has ended. */
  static async connect(socket: Socket, gone: Promise<string>): Promise<Qmp> {
    const greeting = Promise.withResolvers<void>();
    const qmp = new Qmp(socket, gone, greeting.resolve);
    const why = await Promise.race([greeting.promise, gone]);
    if (typeof why === 'string') throw new MachineLost(why);
    await qmp.run('qmp_capabilities');
    return qmp;
  }

  /** Runs a command to its answer. Throws `QmpError` where QEMU refuses, `MachineLost` where it has ended. */
  async run(command: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const { promise, resolve } = Promise.withResolvers<Reply>();
    this.#replies.push(resolve);
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
    const reply = await Promise.race([promise, this.#gone]);
    if (typeof reply === 'string') throw new MachineLost(reply);
    if ('error' in reply) throw new QmpError(`${command}: ${reply.error}`);
    return reply.value;
  }

  /** Resolves at the next event of this name that fits; call it before the command that causes it. */
  event(name: string, fits: (data: Readonly<Record<string, unknown>>) => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const listeners = this.#waiting.get(name) ?? new Set();
    this.#waiting.set(name, listeners);
    const listener = (data: Readonly<Record<string, unknown>>): void => {
      if (!fits(data)) return;
      listeners.delete(listener);
      resolve();
    };
    listeners.add(listener);
    const lost = this.#gone.then((why) => {
      throw new MachineLost(why);
    });
    return Promise.race([promise, lost]);
  }

  #heed(line: string, greeting: () => void): void {
    const message: unknown = JSON.parse(line);
    if (!isRecord(message)) return;
    if ('QMP' in message) return greeting();
    if ('return' in message) return this.#replies.shift()?.({ value: message['return'] });
    const { error, event, data } = message;
    if (isRecord(error)) return this.#replies.shift()?.({ error: String(error['desc']) });
    if (typeof event !== 'string') return;
    for (const listener of [...(this.#waiting.get(event) ?? [])]) listener(isRecord(data) ? data : {});
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
