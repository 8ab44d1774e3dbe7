import { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { MachineRefused } from '../../driver.ts';
import type { Call } from './calls.ts';
import { attempt, atWorkingDirectory as here, call, joined, open, pieceBytes } from './calls.ts';
import { entriesOf } from './guest-stat.ts';
import { ask } from './guest-processes.ts';
import { newMounts } from './namespaces.ts';
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

/**
 * Sets clock, entropy (mixed in and the generator reseeded at once: only both together change what the next reader gets), names and ids. `named`: what it was
 * called when it was saved; null where nothing has run in it. What a step has made of its names stays.
 */
export async function awaken(
  session: Session,
  given: Awakening & { readonly init: number; readonly named: string | null },
): Promise<void> {
  if (given.entropy.length !== entropyBytes) throw new MachineRefused('64 bytes of entropy are needed');
  const pool = Buffer.alloc(8 + entropyBytes);
  pool.writeInt32LE(8 * entropyBytes, 0);
  pool.writeInt32LE(entropyBytes, 4);
  pool.set(given.entropy, 8);
  const time = Buffer.alloc(16);
  time.writeBigInt64LE(given.unixNs / 1_000_000_000n, 0);
  time.writeBigInt64LE(given.unixNs % 1_000_000_000n, 8);
  const generator = { resultOf: 1 };
  const own: readonly Call[] = [
    call('clock_settime', 0, time),
    call('openat', here, '/dev/urandom', open.write, 0),
    call('ioctl', generator, addEntropy, pool),
    call('ioctl', generator, reseed, 0),
    call('close', generator),
    attempt('unlinkat', here, '/disk/machine/var/lib/systemd/random-seed', 0),
  ];
  const looking = inMachine(given.init, lookForJournals);
  const { hostname, named } = given;
  const naming =
    named === null ? calledAt(hostname) : named === hostname ? [] : await renaming(session, named, hostname);
  const results = (await session.run(joined(own, naming, idsOf(given), looking))).slice(-looking.length);
  const following = followJournals(
    journals.map((_, n) => results[5 + 3 * n]?.rooms[0] ?? Buffer.alloc(0)),
    given.machineId,
  );
  if (following.length > 0) await session.run(inMachine(given.init, following));
}

interface Name {
  readonly hostname: string;
  readonly machineId: string;
}

const journals: readonly string[] = ['/run/log/journal', '/var/log/journal'];
const isId = /^[0-9a-f]{32}$/;

/** Does calls with the machine's files in sight; none of them ends the batch. */
function inMachine(init: number, calls: readonly Call[]): readonly Call[] {
  const entering = [
    call('openat', here, '/proc/self/ns/mnt', open.read, 0),
    call('openat', here, `/proc/${init}/ns/mnt`, open.read, 0),
    call('setns', { resultOf: 1 }, newMounts),
    call('close', { resultOf: 1 }),
  ];
  const own = { resultOf: -(entering.length + calls.length) };
  return joined(entering, calls, [call('setns', own, newMounts), call('close', own)]);
}

/** What systemd's journal lies in; three calls for each place. */
const lookForJournals: readonly Call[] = joined(
  ...journals.map((path) => [
    attempt('openat', here, path, open.directory, 0),
    attempt('getdents64', { resultOf: 0 }, { filled: pieceBytes }, pieceBytes),
    attempt('close', { resultOf: 0 }),
  ]),
);

/**
 * Lets journalctl find what was written under the machine's earlier id: it looks in the directory that is named after the present one, and journald goes on
 * writing where it began.
 */
function followJournals(listed: readonly Buffer[], machineId: string): readonly Call[] {
  return journals.flatMap((path, n) => {
    const entries = entriesOf(listed[n] ?? Buffer.alloc(0)).filter(({ name }) => isId.test(name));
    const begun = entries.find(({ isDirectory }) => isDirectory);
    if (begun === undefined) return [];
    const earlier = entries.filter(({ isDirectory }) => !isDirectory);
    return [
      ...earlier.map(({ name }) => attempt('unlinkat', here, `${path}/${name}`, 0)),
      attempt('symlinkat', begun.name, here, `${path}/${machineId}`),
    ];
  });
}

/** Gives the machine a name, an id, and a boot id, in files of the agent's that cover the machine's own. */
export async function identify(session: Session, name: Name): Promise<void> {
  await session.run(joined(calledAt(name.hostname), idsOf(name)));
}

function idsOf({ machineId }: Pick<Name, 'machineId'>): readonly Call[] {
  return joined(sayingInEtc('boot_id', `${randomUUID()}\n`), sayingInEtc('machine-id', `${machineId}\n`));
}

function calledAt(hostname: string): readonly Call[] {
  const hosts = `${hostLine(hostname)}\n::1 localhost\n`;
  return joined(calledBy(hostname), sayingInEtc('hostname', `${hostname}\n`), sayingInEtc('hosts', hosts));
}

/** Another name for a machine in which steps have run: where it still has the one that it was given. */
async function renaming(session: Session, from: string, to: string): Promise<readonly Call[]> {
  const places = ['/proc/sys/kernel/hostname', '/etc/hostname', '/etc/hosts'];
  const [called, written, hosts] = await Promise.all(places.map((path) => ask(session, path)));
  const lines = hosts?.split('\n') ?? [];
  return joined(
    called === `${from}\n` ? calledBy(to) : [],
    written === `${from}\n` ? sayingInEtc('hostname', `${to}\n`) : [],
    lines.includes(hostLine(from))
      ? sayingInEtc('hosts', lines.map((line) => (line === hostLine(from) ? hostLine(to) : line)).join('\n'))
      : [],
  );
}

function calledBy(hostname: string): readonly Call[] {
  const name = Buffer.from(hostname);
  return [call('sethostname', name, name.length)];
}

function hostLine(hostname: string): string {
  return `127.0.0.1 localhost ${hostname}`;
}

/** Writes a file of the agent's own that covers one of the machine's: what it says belongs to the guest, and lies in no layer. A character for each byte. */
export function sayingInEtc(name: string, text: string): readonly Call[] {
  const file = { resultOf: 0 };
  const bytes = Buffer.from(text, 'latin1');
  return [
    call('openat', here, `/etc/${name}`, open.replace, 0o644),
    call('write', file, bytes, bytes.length),
    call('close', file),
  ];
}
