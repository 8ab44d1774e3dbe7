import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { slirpResolvConf, startSlirp } from '../slirp.ts';

const network = '10.0.4.0/24';

/**
 * Argv that puts QEMU into a network namespace of its own. A guest's way out leads through QEMU's user network, in which 10.0.2.2 is the loopback of
 * whoever runs QEMU: there it must be an empty one, never the host's. Names are asked for where that network's resolv.conf says.
 */
export async function enterOwnNetwork(directory: string): Promise<readonly string[]> {
  await writeFile(join(directory, 'resolv.conf'), slirpResolvConf(network), { mode: 0o644 });
  const asRoot = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  return [
    ...['unshare', ...asRoot, '--net', '--mount', '--propagation', 'private', '--'],
    ...['sh', '-c', 'mount --bind resolv.conf /etc/resolv.conf; exec "$@"', 'sh'],
  ];
}

/** Connects that namespace with the outside until QEMU ends; why it could not be, null where it is. */
export async function connectOwnNetwork(
  qemu: { readonly pid: number; readonly gone: Promise<string> },
  signal: AbortSignal,
): Promise<string | null> {
  const slirp = await startSlirp({ hostPid: qemu.pid, network, signal });
  if ('why' in slirp) return slirp.why;
  void qemu.gone.then(() => slirp[Symbol.asyncDispose]());
  return null;
}
