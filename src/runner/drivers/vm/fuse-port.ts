import { Duplex } from 'node:stream';
import type { ChannelState } from './channel.ts';
import { Channel } from './channel.ts';

/** The guest's FUSE connection: the messages of its /dev/fuse, one after another. */
export interface FusePort {
  /** Requests come from it, replies and notifications go into it: whole messages on both ways, in pieces of any size. It ends with the connection. */
  readonly stream: Duplex;
  /** How much went into the stream since the guest first greeted it anew; for `GuestAgent.drain`. */
  readonly sentBytes: number;
  /** As `GuestAgent.state`: only between `stop` and `cont`. */
  state(): ChannelState;
}

/**
 * Connects to a guest's FUSE port. With `state`, goes on where the host end was that it stems from: what that had received is not sent again. Without,
 * the guest sends every request anew that has no answer yet, the first (INIT) included where nobody ever answered.
 */
export async function connectFuse(
  stream: Duplex,
  options: { readonly state: ChannelState | null; readonly signal: AbortSignal },
): Promise<FusePort> {
  let full: ((error?: Error | null) => void) | null = null;
  const messages = new Duplex({
    read: () => {},
    write: (chunk: Buffer, _encoding, done) => {
      if (channel.send(Buffer.from(chunk))) done();
      else full = done;
    },
    final: (done) => done(),
  });
  stream.on('drain', () => {
    const done = full;
    full = null;
    done?.();
  });
  const channel = await Channel.open(stream, {
    state: options.state,
    listener: (bytes) => void messages.push(bytes),
    signal: options.signal,
  });
  void channel.gone.then(() => void messages.push(null));
  return {
    stream: messages,
    get sentBytes() {
      return channel.sentBytes;
    },
    state: () => channel.state(),
  };
}
