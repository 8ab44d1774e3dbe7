import { Buffer } from 'node:buffer';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { maxPayloadBytes, replyBufferBytes, type ViewFileSystem } from './file-system.ts';
import { errno, errorReply } from './replies.ts';
import { decodeRequest, rootNode } from './protocol.ts';

/** Opens the FUSE device: one descriptor, one mount. Throws where the host has none. */
export function openDevice(): number {
  return fs.openSync('/dev/fuse', 'r+');
}

/** Mounts the device at a directory of this process's mount namespace, through mount(8). Null when done, else why not. */
export function mount(descriptor: number, mountpoint: string): Promise<string | null> {
  const options = 'fd=3,rootmode=040000,user_id=0,group_id=0,ro,allow_other';
  // Positional mount(8): -i no helper, -n no /etc/mtab. The descriptor is the child's 3.
  const child = spawn('mount', ['-i', '-n', '-t', 'fuse', '-o', options, 'layer-views', mountpoint], {
    stdio: ['ignore', 'ignore', 'pipe', descriptor],
  });
  let complaint = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  return new Promise((resolve) => {
    child.on('error', (error) => resolve(`mount(8) cannot be started: ${error.message}`));
    child.on('close', (code, signal) =>
      resolve(code === 0 ? null : complaint.trim() || `mount(8) ended with ${code ?? signal}`),
    );
  });
}

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

/** Rouses the thread that is blocked in `serve`. */
export interface Waker {
  /** Puts a request of this number behind everything that the kernel has been asked so far. */
  wake(id: number): void;
}

const wakeName = /^\.wake-(\d+)$/;

/**
 * Starts a process that looks up names which do not exist in the mount's root: each is one request, in order with all others. It is a process of
 * its own because one that waits for the mount while it holds the device open cannot be killed. It ends when this process does.
 */
export function startWaker(mountpoint: string, ended: (why: string) => void): Waker {
  const script = 'cd -P -- "$0" && while read -r id; do [ -e ".wake-$id" ]; done';
  const child = spawn('/bin/sh', ['-c', script, mountpoint], { stdio: ['pipe', 'ignore', 'ignore'], cwd: '/' });
  child.on('error', (error) => ended(`/bin/sh cannot be started: ${error.message}`));
  child.on('exit', (code, signal) => ended(`the process that wakes it ended with ${code ?? signal}`));
  child.stdin.on('error', () => {}); // The end of the process is reported by `exit`.
  return { wake: (id) => void child.stdin.write(`${id}\n`) };
}

/**
 * Answers the kernel, blocking the thread, one request after another in the order of their arrival, until the mount is gone; says why.
 * `ready` is called once the kernel has been greeted, `woken` for each wake in its place.
 */
export function serve(
  descriptor: number,
  fileSystem: ViewFileSystem,
  on: { readonly ready: () => void; readonly woken: (id: number) => void },
): string {
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
    const wakes = request.kind === 'lookup' && request.node === rootNode ? wakeName.exec(request.name) : null;
    if (wakes !== null) on.woken(Number(wakes[1]));
    const replyBytes = wakes === null ? fileSystem.answer(request, out) : errorReply(out, request.unique, errno.ENOENT);
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
