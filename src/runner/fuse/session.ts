import { Buffer } from 'node:buffer';
import fs from 'node:fs';
import { maxPayloadBytes, replyBufferBytes, type ViewFileSystem } from './file-system.ts';
import { wakeName } from './messages.ts';
import { decodeRequest, rootNode } from './protocol.ts';
import { errno, errorReply } from './replies.ts';

/**
 * The minor device number of the mount, by which /sys/fs/fuse/connections and the bdi name it; null where it is not found.
 * From mountinfo, because a stat would be a request to ourselves.
 */
export function connectionOf(mountpoint: string): number | null {
  const lines = fs.readFileSync('/proc/self/mountinfo', 'utf8').split('\n').reverse();
  for (const line of lines) {
    const [, , device, , at] = line.split(' ');
    if (at === undefined || !line.includes(' - fuse ')) continue;
    if (unescapeMountinfo(at) === mountpoint) return Number(device?.split(':')[1]);
  }
  return null;
}

/** Lets the kernel read big files ahead in larger pieces; a host that does not allow it is only slower. */
export function raiseReadAhead(connection: number): void {
  try {
    fs.writeFileSync(`/sys/class/bdi/0:${connection}/read_ahead_kb`, String(maxPayloadBytes / 1024));
  } catch {
    // Read-only or absent /sys.
  }
}

/**
 * Answers the kernel, blocking the thread, one request after another in the order of their arrival, until the mount is gone; says why.
 * `ready` is called once the kernel has been greeted, `woken` for each wake in its place: a look at the name `wakeName` in the mount's root, which only
 * who knows `secret` can tell.
 */
export function serve(
  descriptor: number,
  fileSystem: ViewFileSystem,
  on: { readonly secret: string; readonly ready: () => void; readonly woken: (id: number) => void },
): string {
  const wakes = wakeName(on.secret, '');
  const bytes = Buffer.alloc(maxPayloadBytes + 8192);
  const out = Buffer.alloc(replyBufferBytes);
  for (;;) {
    let length: number;
    try {
      length = fs.readSync(descriptor, bytes, 0, bytes.length, null);
    } catch (error) {
      const code = codeOf(error);
      if (code === 'EINTR' || code === 'EAGAIN' || code === 'ENOENT') continue;
      return code === 'ENODEV' ? 'its mount is gone' : `reading the FUSE device failed: ${code}`;
    }
    const request = decodeRequest(bytes, length);
    const woken = request.kind === 'lookup' && request.node === rootNode && request.name.startsWith(wakes);
    if (woken) on.woken(Number(request.name.slice(wakes.length)));
    const replyBytes = woken ? errorReply(out, request.unique, errno.ENOENT) : fileSystem.answer(request, out);
    if (replyBytes === 0) continue;
    try {
      fs.writeSync(descriptor, out, 0, replyBytes);
    } catch (error) {
      const code = codeOf(error);
      // ENOENT: whoever asked was killed meanwhile. ENODEV: the next read reports it.
      if (code !== 'ENOENT' && code !== 'ENODEV')
        fileSystem.fault(`the kernel refused an answer of the view server: ${code}`);
    }
    if (request.kind === 'init') {
      if (fileSystem.refused !== null) return fileSystem.refused;
      on.ready();
    }
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

/** mountinfo writes blanks, tabs, line ends and backslashes as octal escapes of bytes. */
function unescapeMountinfo(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}
