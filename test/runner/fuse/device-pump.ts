import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';

/**
 * Stands for a guest: mounts a FUSE device at the first argument in its own mount namespace and copies bytes between it and the unix socket that is the
 * second, for as long as it lives; connects anew when the other end goes away. Prints a line once it is mounted.
 */
const [mountpoint = '', socket = ''] = process.argv.slice(2);
const device = fs.openSync('/dev/fuse', 'r+');
const bytes = Buffer.alloc(1_100_000);
let line: net.Socket | null = null;
let waiting: Buffer[] = [];

function connect(): void {
  let rest = Buffer.alloc(0);
  const connection = net.connect(socket, () => {
    line = connection;
    for (const one of waiting) connection.write(one);
    waiting = [];
  });
  connection.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 16 && rest.length >= rest.readUInt32LE(0)) {
      const length = rest.readUInt32LE(0);
      try {
        fs.writeSync(device, rest, 0, length);
      } catch (error) {
        // A notice about what the kernel does not hold, or an answer for whoever was killed.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
      rest = rest.subarray(length);
    }
  });
  connection.on('error', () => {});
  connection.on('close', () => {
    line = null;
    setTimeout(connect, 5);
  });
}

function read(): void {
  fs.read(device, bytes, 0, bytes.length, null, (error, length) => {
    if (error) {
      if (error.code === 'ENODEV') process.exit(0);
      return read();
    }
    const message = Buffer.from(bytes.subarray(0, length));
    if (line) line.write(message);
    else waiting.push(message);
    read();
  });
}

connect();
read();
const options = 'fd=3,rootmode=040000,user_id=0,group_id=0,ro,allow_other';
const mounted = spawnSync('mount', ['-i', '-n', '-t', 'fuse', '-o', options, 'layer-views', mountpoint], {
  stdio: ['ignore', 'ignore', 'pipe', device],
  encoding: 'utf8',
});
process.stdout.write(mounted.status === 0 ? 'mounted\n' : `${mounted.stderr}\n`);
