import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** slirp4netns's networks: of a sandbox, and of what stands around a virtual machine, whose own user network has the first. */
export type SlirpNetwork = '10.0.2.0/24' | '10.0.4.0/24';

/** What /etc/resolv.conf says in a network: slirp4netns answers there. */
export function slirpResolvConf(network: SlirpNetwork): string {
  return `nameserver ${network.replace('.0/24', '.3')}\n`;
}

/**
 * Connects the network namespace of a process with the outside by slirp4netns (its manual: the host's loopback is 10.0.2.2 unless disabled).
 * Where it does not come up, what it printed (or that it is missing).
 */
export async function startSlirp(options: {
  readonly hostPid: number;
  readonly network: SlirpNetwork;
  readonly signal: AbortSignal;
}): Promise<AsyncDisposable | { readonly why: string }> {
  const { hostPid, network, signal } = options;
  signal.throwIfAborted();
  const child = spawn(
    'setpriv',
    [
      ...['--pdeathsig', 'KILL', '--', 'slirp4netns', '--configure', '--mtu=65520', '--disable-host-loopback'],
      ...[`--cidr=${network}`, '--ready-fd=3', '--exit-fd=4', String(hostPid), 'tap0'],
    ],
    { stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'], detached: true },
  );
  let complaint = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    complaint = `${complaint}${chunk.toString()}`.slice(-2000);
  });
  const exited = Promise.withResolvers<void>();
  child.once('error', (error) => {
    complaint = error.message;
    exited.resolve();
  });
  child.once('exit', () => exited.resolve());
  const ready = child.stdio[3];
  for (const pipe of [ready, child.stdio[4]]) pipe?.on('error', () => {});
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited.promise;
  };
  const come = ready == null ? Promise.resolve('failed') : once(ready, 'data', { signal }).then(() => 'ready');
  const first = await Promise.race([come.catch(() => 'aborted'), exited.promise.then(() => 'exited')]);
  if (first !== 'ready') {
    await stop();
    signal.throwIfAborted();
    return { why: complaint.trim().split('\n').at(-1) || 'slirp4netns failed' };
  }
  return { [Symbol.asyncDispose]: stop };
}
