import { spawn } from 'node:child_process';

/**
 * Bytes on disk of directories and files, by path as given; each hard link counts once, where it is met first. A path that has gone counts nothing.
 * coreutils' du: https://www.gnu.org/software/coreutils/du
 */
export async function diskUsage(
  paths: readonly string[],
  { cwd }: { readonly cwd: string },
): Promise<ReadonlyMap<string, number>> {
  const bytes = new Map<string, number>();
  if (paths.length === 0) return bytes;
  const child = spawn('du', ['--summarize', '--block-size=1', '--null', '--files0-from=-'], {
    cwd,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  child.stdin.on('error', () => {});
  child.stdin.end(paths.map((path) => `${path}\0`).join(''));
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve());
  });
  for (const line of output.split('\0')) {
    const [size = '', path] = line.split('\t', 2);
    if (path !== undefined) bytes.set(path, Number(size));
  }
  return bytes;
}
