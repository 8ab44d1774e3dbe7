import { hash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { constants, Script } from 'node:vm';
import { exit } from '../exit.ts';
import { makeDirectory } from '../world/make-directory.ts';

/**
 * Starts main.cjs with what V8 made of its functions in earlier runs of the same command. Node's own compile cache keeps a program as it was when it was
 * loaded, before any function had been called, so that each of them is compiled anew in every process: half of what a short command takes.
 */
declare const layerProgramDigest: string;

/** So many processes of a command add what they compiled; after them there is little to add. */
const writers = 4;
const trailerBytes = 64;
const digestBytes = 32;
const staleMs = 30 * 24 * 3_600_000;

const program = join(__dirname, 'main.cjs');
const wrapper = ['(function (exports, require, module, __filename, __dirname) {', '\n})'] as const;

function start(): void {
  // The build sees to it that there is nothing but ASCII in it.
  const source = readFileSync(program, 'latin1');
  const directory = cacheDirectory();
  const command = /^[a-z][a-z-]{0,19}$/.exec(process.argv[2] ?? '')?.[0] ?? 'layer';
  const kept = directory === null ? null : readKept(join(directory, command));
  const script = new Script(wrapper[0] + source + wrapper[1], {
    filename: program,
    columnOffset: -wrapper[0].length,
    ...(kept === null ? {} : { cachedData: kept.code }),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  const written = kept === null || script.cachedDataRejected === true ? 0 : kept.written;
  if (directory !== null && written < writers) {
    process.on('exit', (code) => {
      // A command that does not exist has none either.
      if (code !== exit.usage) keep(script.createCachedData(), { directory, command, written: written + 1 });
    });
  }
  const module = { exports: {} };
  const run = script.runInThisContext() as (...args: readonly unknown[]) => void;
  run(module.exports, createRequire(program), module, program, __dirname);
}

/** In the user's own cache directory, by what the program is; null where there is none. */
function cacheDirectory(): string | null {
  const { XDG_CACHE_HOME: given, HOME: home } = process.env;
  const cache = given || (home && join(home, '.cache'));
  if (!cache) return null;
  const { mtimeMs, size } = statSync(program);
  return join(cache, 'layer', 'compiled', `${layerProgramDigest}-${size}-${mtimeMs}-${process.versions.v8}`);
}

/**
 * Code, and how many processes have written it: the file ends in that number and a digest of all before. Null where nothing is, or what is there is not as
 * it was written or not this user's own: what is read here is run.
 */
function readKept(file: string): { readonly code: Buffer; readonly written: number } | null {
  try {
    const descriptor = openSync(file, 'r');
    try {
      const { uid, mode } = fstatSync(descriptor);
      if (uid !== process.geteuid?.() || (mode & 0o022) !== 0) return null;
      const all = readFileSync(descriptor);
      const end = all.length - digestBytes;
      if (end < 0 || !all.subarray(end).equals(digestOf(all.subarray(0, end)))) return null;
      const written = Number(all.toString('latin1', all.length - trailerBytes, end));
      return { code: all.subarray(0, all.length - trailerBytes), written };
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return null;
  }
}

/** A disk that refuses costs the next start some milliseconds, no more. */
function keep(
  code: Buffer,
  { directory, command, written }: { readonly directory: string; readonly command: string; readonly written: number },
): void {
  const staged = join(directory, `.${command}-${process.pid}`);
  try {
    if (!existsSync(directory)) {
      makeDirectory(directory);
      dropStale(join(directory, '..'));
    }
    const body = Buffer.concat([code, Buffer.from(String(written).padEnd(trailerBytes - digestBytes))]);
    const descriptor = openSync(staged, 'wx', 0o600);
    try {
      writeFileSync(descriptor, Buffer.concat([body, digestOf(body)]));
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(staged, join(directory, command));
  } catch {
    try {
      rmSync(staged, { force: true });
    } catch {
      // Something that is no directory lies where the cache should be.
    }
  }
}

/** Code of programs that have long been replaced. */
function dropStale(directory: string): void {
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    if (statSync(path).mtimeMs < Date.now() - staleMs) rmSync(path, { recursive: true, force: true });
  }
}

function digestOf(bytes: Uint8Array): Buffer {
  return hash('sha256', bytes, 'buffer');
}

start();
