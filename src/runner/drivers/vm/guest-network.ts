import { Buffer } from 'node:buffer';
import { attempt, call, closeOnExec } from './calls.ts';
import type { Session } from './session.ts';

/** netdevice(7), rtnetlink's elder: struct ifreq and struct rtentry, of 64-bit machines. */
const ioctls = { setFlags: 0x8914, setAddress: 0x8916, setNetmask: 0x891c, addRoute: 0x890b };
const requestBytes = 40;
const nameBytes = 16;
const routeBytes = 120;
const interfaceUp = 0x1 | 0x40;
const routeFlags = 0x1 | 0x2;
const [inet, datagram] = [2, 2];

/** Raises loopback and QEMU's user network as slirp has it by default: 10.0.2.15, gateway 10.0.2.2, names 10.0.2.3. */
export async function raiseNetwork(session: Session): Promise<void> {
  const { value: socket } = await session.call('socket', inet, datagram | closeOnExec, 0);
  await session.run([
    attempt('ioctl', socket, ioctls.setAddress, request('eth0', address(10, 0, 2, 15))),
    attempt('ioctl', socket, ioctls.setNetmask, request('eth0', address(255, 255, 255, 0))),
  ]);
  for (const name of ['lo', 'eth0']) {
    const flags = Buffer.alloc(2);
    flags.writeUInt16LE(interfaceUp);
    await session.run([attempt('ioctl', socket, ioctls.setFlags, request(name, flags))]);
  }
  await session.run([attempt('ioctl', socket, ioctls.addRoute, defaultRoute()), call('close', socket)]);
}

export const nameServer = '10.0.2.3';

function request(name: string, value: Buffer): Buffer {
  const bytes = Buffer.alloc(requestBytes);
  bytes.write(name, 0, 'latin1');
  value.copy(bytes, nameBytes);
  return bytes;
}

/** struct sockaddr_in. */
function address(...parts: readonly number[]): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16LE(inet, 0);
  bytes.set(parts, 4);
  return bytes;
}

/** By the gateway, to whatever is not here: destination, gateway and mask are one behind the other, flags follow. */
function defaultRoute(): Buffer {
  const bytes = Buffer.alloc(routeBytes);
  for (const [n, one] of [address(0, 0, 0, 0), address(10, 0, 2, 2), address(0, 0, 0, 0)].entries()) {
    one.copy(bytes, 8 + 16 * n);
  }
  bytes.writeUInt16LE(routeFlags, 56);
  return bytes;
}
