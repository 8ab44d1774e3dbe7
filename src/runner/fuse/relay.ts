import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { type Answer, type Command, lineReader, type Opening, toLine } from './messages.ts';
import { connectionOf, mount, openDevice, raiseReadAhead, startWaker, type Waker } from './session.ts';
import type { FromWorker, ToWorker } from './work.ts';

/**
 * The main thread: takes the runner's lines from standard input, hands them to the worker in an order that the kernel keeps, and says what the
 * worker answers. Kills its process when the runner is gone. `program` is this process's own, which the worker runs too.
 */
export function relay(program: URL): void {
  const say = (answer: Answer): void => void process.stdout.write(toLine(answer));
  const die = (): void => void process.kill(process.pid, 'SIGKILL');
  const end = (why: string): void => void process.stdout.write(toLine({ kind: 'ended', why }), die);

  const { port1: commands, port2 } = new MessageChannel();
  const worker = new Worker(program, { workerData: port2, transferList: [port2 as never] });
  let descriptor = -1;
  let mountpoint = '';
  let waker: Waker | null = null;

  const open = async (opening: Opening): Promise<void> => {
    ({ mountpoint } = opening);
    descriptor = openDevice();
    const refusal = await mount(descriptor, mountpoint);
    if (refusal !== null) return end(refusal);
    worker.postMessage({ descriptor, opening } satisfies ToWorker);
  };
  const obey = (command: Command): void => {
    commands.postMessage(command);
    waker?.wake(command.id);
  };

  worker.on('error', (error) => end(error.message));
  worker.on('message', (message: FromWorker) => {
    switch (message.kind) {
      case 'serving': {
        // V8's middle compiler takes a tenth of what a server computes that answers a few thousand requests, and those that answer many get the
        // last one. No sooner: what Node has compiled beforehand is for other flags, and starts would take twice as long.
        setFlagsFromString('--no-maglev');
        const connection = connectionOf(mountpoint);
        if (connection !== null) raiseReadAhead(connection);
        waker = startWaker(mountpoint, end);
        return say({ kind: 'ready', connection });
      }
      case 'ended':
        return end(message.why);
      case 'done':
      case 'directories':
      case 'cut':
      case 'refused':
        return say(message);
    }
  });
  process.on('uncaughtException', (error) => end(error.message));
  process.stdout.on('error', die);
  process.stdin.on('error', die);
  process.stdin.on('end', die);
  process.stdin.setEncoding('utf8').on(
    'data',
    lineReader<Opening | Command>((message) => {
      if ('id' in message) obey(message);
      else void open(message).catch((error: Error) => end(error.message));
    }),
  );
}
