import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { chmod, copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { artifact, exists } from './artifact.ts';
import { onPath, program, ProgramFailed } from './program.ts';

const sources = fileURLToPath(new URL('./guest', import.meta.url));
/** In the npm package the agent lies beside the program, built. */
const prebuilt = fileURLToPath(new URL(`./guest-agent-${process.arch}`, import.meta.url));

const compilers: readonly (readonly [program: string, ...arguments_: string[]])[] = [
  ['musl-gcc'],
  ['cc'],
  ['gcc'],
  ['zig', 'cc', '-target', `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-musl`],
];

/** Compiles the agent to one static program. Throws a `ProgramFailed` where no compiler is there, or none can. */
export async function compileAgent(output: string, signal: AbortSignal): Promise<void> {
  const files = readdirSync(sources).filter((name) => name.endsWith('.c'));
  const paths = files.sort().map((name) => join(sources, name));
  let complaint = '';
  for (const [compiler, ...options] of compilers) {
    if (!(await onPath(compiler))) continue;
    try {
      const flags = ['-std=gnu11', '-Os', '-static', '-s', '-Wall', '-Wextra'];
      await program([compiler, ...options, ...flags, '-o', output, ...paths], { signal });
      return;
    } catch (error) {
      if (!(error instanceof ProgramFailed)) throw error;
      complaint ||= error.message;
    }
  }
  throw new ProgramFailed(complaint || 'the guest agent cannot be compiled here: apt install gcc libc6-dev');
}

/** The agent's program: the prebuilt one where there is one, else compiled once and kept below `directory` under its sources' digest. Its path. */
export async function prepareAgent(directory: string, signal: AbortSignal): Promise<string> {
  if (await exists(prebuilt)) {
    const digest = createHash('sha256').update(readFileSync(prebuilt)).digest('hex');
    return artifact(join(directory, 'agents', digest), (staged) => copyFile(prebuilt, staged));
  }
  const hash = createHash('sha256').update(process.arch);
  for (const name of readdirSync(sources).sort()) hash.update(`\0${name}\0`).update(readFileSync(join(sources, name)));
  return artifact(join(directory, 'agents', hash.digest('hex')), async (staged) => {
    await compileAgent(staged, signal);
    await chmod(staged, 0o755);
  });
}
