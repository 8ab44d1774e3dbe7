import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import type { GuestPath } from '../../../../src/host.ts';
import { sandboxDriver } from '../../../../src/runner/drivers/sandbox/sandbox.ts';
import { debianBase } from '../../../support/base-machine.ts';
import { keep, shell, Workshop } from '../contract.ts';
import { withoutViews } from './without-views.ts';

it('boots a real Debian: packages, accounts and sudo work, and their state comes back', async () => {
  const debian = await debianBase();
  const driver = sandboxDriver({ startViewServer: withoutViews, storeDirectory: tmpdir(), warn: () => {} });
  const workshop = new Workshop({ driver, base: () => debian });
  try {
    await using machine = await workshop.boot({ hostname: 'debian' });
    expect(await shell(machine, '. /etc/os-release; echo $ID')).toBe('debian\n');
    expect(await shell(machine, buildAndInstall)).toContain('Setting up hello-layer (1.0)');
    expect(await shell(machine, keyring)).toBe('[-1, 1]\n');
    await machine.user('builder');
    expect(
      await shell(machine, 'id -un; id -Gn; touch ~/x 2>/dev/null; ls /root > /dev/null && echo reads', {
        user: 'builder',
        cwd: '/root' as GuestPath,
      }),
    ).toBe('builder\nbuilder root\nreads\n');
    expect(await shell(machine, 'useradd -m other && su - other -c "id -un"')).toContain('other\n');
    const stack = await keep(machine);
    await using again = await workshop.boot({ stack });
    expect(
      await shell(
        again,
        'hello-layer; dpkg -s hello-layer | grep ^Status; id -un other; getcap /usr/bin/hello-layer 2>/dev/null || true',
      ),
    ).toContain('hello\nStatus: install ok installed\nother\n');
    expect(await shell(again, 'dpkg -r hello-layer > /dev/null; hello-layer 2>/dev/null || echo gone')).toBe('gone\n');
  } finally {
    await workshop.close();
  }
});

/** keyctl(2) for the ring of the user: refused with EPERM, since it would be the host's. */
const keyring = `python3 -c "
import ctypes, platform
libc = ctypes.CDLL(None, use_errno=True)
number = 250 if platform.machine() == 'x86_64' else 219
print([libc.syscall(number, 0, -4, 0), ctypes.get_errno()])"`;

const buildAndInstall = `
mkdir -p /tmp/p/DEBIAN /tmp/p/usr/bin
printf 'Package: hello-layer\\nVersion: 1.0\\nArchitecture: all\\nMaintainer: nobody <n@example.org>\\nDescription: says hello\\n' > /tmp/p/DEBIAN/control
printf '#!/bin/sh\\necho hello\\n' > /tmp/p/usr/bin/hello-layer
chmod 755 /tmp/p/usr/bin/hello-layer
dpkg-deb --build /tmp/p /tmp/p.deb && dpkg -i /tmp/p.deb
`;
