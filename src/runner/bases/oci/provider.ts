import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BaseError } from '../failure.ts';
import type { BaseHost, BaseWork, Provider } from '../host.ts';
import { isCode, runProgram } from '../program.ts';
import { findCredentials, parseProgramAnswer, type Credentials } from '../../../registry/credentials.ts';
import { downloadImage, resolveImage } from './image.ts';
import { printReference, type ImageReference } from '../../../registry/reference.ts';
import { Registry } from './registry.ts';

/** A base machine from an image of a registry, pulled without any daemon. */
export function ociProvider(reference: ImageReference): Provider {
  const what = printReference(reference);
  return {
    title: `the image ${what}`,
    find: async (work) => {
      const { host, signal } = work;
      work.progress({ kind: 'resolving', name: work.name, provider: what });
      const credentials = (server: string): Promise<Credentials | null> => readCredentials(host, server, signal);
      const registry = new Registry(reference, { mirrors: host.mirrors, credentials, signal });
      const image = await resolveImage(registry, reference, host.architecture);
      const origin = `oci ${image.digest}`;
      return {
        origin,
        fetch: async () => {
          const directory = join(host.directory, 'blobs');
          const received = countDown(work);
          const layers = await downloadImage({
            registry,
            image,
            what,
            directory,
            architecture: host.architecture,
            env: host.env,
            received,
            signal,
          });
          return { origin, exact: true, layers, sources: [] };
        },
      };
    },
  };
}

function countDown(work: BaseWork): (bytes: number, totalBytes: number) => void {
  let sum = 0;
  return (bytes, totalBytes) => {
    sum += bytes;
    work.progress({ kind: 'downloading', name: work.name, bytes: Math.min(sum, totalBytes), totalBytes });
  };
}

async function readCredentials(host: BaseHost, server: string, signal: AbortSignal): Promise<Credentials | null> {
  if (host.dockerConfig === null) return null;
  const source = findCredentials(await readIfThere(host.dockerConfig), server);
  switch (source.kind) {
    case 'none':
      return null;
    case 'inline':
      return source.credentials;
    case 'program':
      return askProgram(source, host, signal);
  }
}

/** What the credential program says; null where it is missing or knows nothing, for then we are anonymous. */
async function askProgram(
  source: { readonly program: string; readonly server: string },
  host: BaseHost,
  signal: AbortSignal,
): Promise<Credentials | null> {
  let answer = '';
  try {
    await runProgram([source.program, 'get'], {
      what: source.program,
      remedy: `install ${source.program}`,
      env: host.env,
      signal,
      writeStdin: (stdin) => pipeline(Readable.from([`${source.server}\n`]), stdin),
      readStdout: async (stdout) => {
        for await (const chunk of stdout) answer += String(chunk);
      },
    });
  } catch (error) {
    if (error instanceof BaseError && error.failure.kind !== 'cancelled') return null;
    throw error;
  }
  return parseProgramAnswer(answer);
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isCode(error, 'ENOENT') || isCode(error, 'EACCES')) return '';
    throw error;
  }
}
