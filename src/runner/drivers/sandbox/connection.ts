import { spawn } from 'node:child_process';
import { Duplex } from 'node:stream';
import { MachineLost } from '../../driver.ts';

/** Runs in the machine's network namespace: connects, says so with one byte, and carries bytes both ways. Two processes, so that neither waits for the other. */
const relay = `
use strict; use Socket;
my $port = shift;
my $socket;
for my $address ([PF_INET, pack_sockaddr_in($port, INADDR_LOOPBACK)], [PF_INET6, pack_sockaddr_in6($port, Socket::inet_pton(AF_INET6, '::1'))]) {
  socket(my $try, $$address[0], SOCK_STREAM, 0) or next;
  if (connect($try, $$address[1])) { $socket = $try; last }
  print STDERR "$!";
}
exit 1 if !$socket;
sub carry { my ($from, $to) = @_;
  while (sysread($from, my $bytes, 65536)) { my $at = 0; while ($at < length $bytes) { my $n = syswrite($to, $bytes, 65536, $at); return if !defined $n; $at += $n } } }
syswrite(STDOUT, '+');
my $child = fork;
if ($child == 0) { close STDOUT; carry(\\*STDIN, $socket); shutdown($socket, 1); exit 0 }
close STDIN;
carry($socket, \\*STDOUT);
close STDOUT;
waitpid($child, 0);
`;

/** Connects to a TCP port on the loopback of a process's network namespace. Rejects where nothing listens. */
export async function connectTo(hostPid: number, port: number): Promise<Duplex> {
  const child = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', '--', 'nsenter', `--net=/proc/${hostPid}/ns/net`, '--', 'perl', '-e', relay, String(port)],
    { stdio: ['pipe', 'pipe', 'pipe'], detached: true },
  );
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaint += chunk.toString();
  });
  child.stdin.on('error', () => {});
  const opened = Promise.withResolvers<boolean>();
  child.once('error', () => opened.resolve(false));
  child.once('close', () => opened.resolve(false));
  child.stdout.once('readable', () => {
    if (child.stdout.read(1) !== null) opened.resolve(true);
  });
  if (!(await opened.promise)) {
    if (complaint.startsWith('nsenter')) throw new MachineLost(complaint.trim());
    throw new Error(`nothing listens on port ${port} of the machine`);
  }
  const stream = Duplex.from({ readable: child.stdout, writable: child.stdin });
  stream.once('close', () => {
    child.kill('SIGTERM');
  });
  return stream as Duplex;
}
