import { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { MachineRefused } from '../../driver.ts';
import { attempt, atWorkingDirectory as here, call, open } from './calls.ts';
import { writeAll } from './guest-files.ts';
import type { Session } from './session.ts';

/** What a restored machine is given, so that it is none of those that were saved with the same memory. */
export interface Awakening {
  readonly unixNs: bigint;
  /** 64 random bytes. */
  readonly entropy: Uint8Array;
  readonly hostname: string;
  /** 32 hex digits. */
  readonly machineId: string;
}

/** linux/random.h: RNDADDENTROPY, RNDRESEEDCRNG. */
const addEntropy = 0x40085203;
const reseed = 0x5207;
const entropyBytes = 64;

/** Sets clock, entropy (mixed in and the generator reseeded at once: only both together change what the next reader gets), names and ids. */
export async function awaken(session: Session, given: Awakening): Promise<void> {
  if (given.entropy.length !== entropyBytes) throw new MachineRefused('64 bytes of entropy are needed');
  const pool = Buffer.alloc(8 + entropyBytes);
  pool.writeInt32LE(8 * entropyBytes, 0);
  pool.writeInt32LE(entropyBytes, 4);
  pool.set(given.entropy, 8);
  const time = Buffer.alloc(16);
  time.writeBigInt64LE(given.unixNs / 1_000_000_000n, 0);
  time.writeBigInt64LE(given.unixNs % 1_000_000_000n, 8);
  const generator = { resultOf: 1 };
  await session.run([
    call('clock_settime', 0, time),
    call('openat', here, '/dev/urandom', open.write, 0),
    call('ioctl', generator, addEntropy, pool),
    call('ioctl', generator, reseed, 0),
    call('close', generator),
    attempt('unlinkat', here, '/disk/machine/var/lib/systemd/random-seed', 0),
  ]);
  await identify(session, given);
}

/** Gives the machine a name, an id, and a boot id, in files of the agent's that cover the machine's own. */
export async function identify(
  session: Session,
  { hostname, machineId }: { readonly hostname: string; readonly machineId: string },
): Promise<void> {
  const name = Buffer.from(hostname);
  await session.run([call('sethostname', name, name.length)]);
  const files = {
    hostname: `${hostname}\n`,
    hosts: `127.0.0.1 localhost ${hostname}\n::1 localhost\n`,
    boot_id: `${randomUUID()}\n`,
    'machine-id': `${machineId}\n`,
  };
  for (const [file, text] of Object.entries(files)) {
    const [opened] = await session.run([call('openat', here, `/etc/${file}`, open.replace, 0o644)]);
    await writeAll(session, opened?.value ?? -1, Buffer.from(text));
    await session.call('close', opened?.value ?? -1);
  }
}
