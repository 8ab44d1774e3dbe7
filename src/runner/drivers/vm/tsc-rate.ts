import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MachineLost } from '../../driver.ts';

/**
 * Firmware that says the time stamp counter on port 0x402, 8 bytes little-endian, then waits for 2^24 ticks, for ever (16-bit code, Intel SDM 2B RDTSC).
 */
const program = Buffer.from(
  [
    '0f31 6689c3 6689d1', // next: rdtsc; mov ebx, eax; mov ecx, edx
    'ba0204 6689d8', // mov dx, 0x402; mov eax, ebx
    'ee 66c1e808 ee 66c1e808 ee 66c1e808 ee', // out dx, al; shr eax, 8; …
    '6689c8', // mov eax, ecx
    'ee 66c1e808 ee 66c1e808 ee 66c1e808 ee',
    '0f31 6629d8 663d00000001', // spin: rdtsc; sub eax, ebx; cmp eax, 1 << 24
    '72f3 ebc0', // jb spin; jmp next
  ]
    .join('')
    .replaceAll(' ', ''),
  'hex',
);

const firmwareBytes = 2 ** 16;
/** Where a processor starts, counted from the firmware's end, and where our program lies. */
const resetVector = firmwareBytes - 16;
const programAt = firmwareBytes - 256;

const measuredMs = 1200;

/** What the counter was, and the moment (ms) by which that had arrived. */
interface Sample {
  readonly ms: number;
  readonly ticks: number;
}

/**
 * Measures the rate, in kHz, of the time stamp counter that guests see under emulation. Good to a few hundredths of a per mille on a busy host. Rejects with
 * `MachineLost` where QEMU does not run. `directory` is for scratch.
 */
export async function measureTscRate(options: {
  readonly program: string;
  readonly directory: string;
  readonly signal: AbortSignal;
}): Promise<number> {
  const firmware = Buffer.alloc(firmwareBytes);
  program.copy(firmware, programAt);
  // jmp near, relative to the instruction after it.
  firmware.writeUInt8(0xe9, resetVector);
  firmware.writeInt16LE(programAt - (resetVector + 3), resetVector + 1);
  await writeFile(join(options.directory, 'tsc.bin'), firmware);
  const child = spawn(
    'setpriv',
    [
      ...['--pdeathsig', 'KILL', '--', options.program, '-nodefaults', '-no-user-config', '-display', 'none'],
      ...['-M', 'microvm,rtc=off,pit=off,pic=off,isa-serial=off', '-accel', 'tcg', '-cpu', 'max', '-m', '16M'],
      ...['-bios', 'tsc.bin', '-chardev', 'stdio,id=counter', '-device', 'isa-debugcon,iobase=0x402,chardev=counter'],
    ],
    { cwd: options.directory, stdio: ['ignore', 'pipe', 'pipe'], signal: options.signal, killSignal: 'SIGKILL' },
  );
  try {
    const samples: Sample[] = [];
    let rest: Buffer = Buffer.alloc(0);
    let complaint = '';
    child.stderr.on('data', (chunk: Buffer) => {
      complaint = `${complaint}${chunk.toString()}`.slice(-2000);
    });
    child.on('error', (error) => {
      complaint ||= error.message;
    });
    for await (const chunk of child.stdout) {
      const ms = performance.now();
      rest = Buffer.concat([rest, chunk]);
      for (; rest.length >= 8; rest = rest.subarray(8)) samples.push({ ms, ticks: Number(rest.readBigUInt64LE()) });
      if (ms - (samples[0]?.ms ?? ms) >= measuredMs && samples.length >= 8) return Math.round(slope(samples));
    }
    options.signal.throwIfAborted();
    throw new MachineLost(`QEMU does not run: ${complaint.trim() || 'it ended'}`);
  } finally {
    child.kill('SIGKILL');
  }
}

/**
 * Ticks a millisecond. A sample may arrive late, never early: so the line goes through the one of each half that was the least late, as judged by the line
 * before.
 */
export function slope(samples: readonly Sample[]): number {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || first.ms === last.ms) throw new RangeError('too few samples');
  const middle = (first.ms + last.ms) / 2;
  const halves = [samples.filter(({ ms }) => ms < middle), samples.filter(({ ms }) => ms >= middle)] as const;
  let rate = (last.ticks - first.ticks) / (last.ms - first.ms);
  for (let round = 0; round < 4; round++) {
    const lateness = ({ ms, ticks }: Sample): number => ms - (ticks - first.ticks) / rate;
    const earliest = (half: readonly Sample[]): Sample => half.reduce((a, b) => (lateness(b) < lateness(a) ? b : a));
    const [before, after] = [earliest(halves[0]), earliest(halves[1])];
    rate = (after.ticks - before.ticks) / (after.ms - before.ms);
  }
  return rate;
}
