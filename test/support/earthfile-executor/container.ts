import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The file system of a container: numbered directories in overlay format below `work`, over a base. */
export interface Layers {
  readonly work: string;
  readonly base: string;
  /** The lowest first. */
  readonly stack: readonly number[];
}

export interface ContainerStep {
  readonly layers: Layers;
  /** The number of the layer that takes what is written. */
  readonly upper: number;
  /** Run by the host's sh, with `$root` as the container's root; `inside COMMAND…` runs a command in the container. */
  readonly script: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly user: string;
  /** Directories of the host that lie at paths of the container. */
  readonly mounts: readonly { readonly from: string; readonly at: string }[];
}

/** A root of its own in namespaces of its own, with loopback and no other network. What is left running ends with the step. */
const prologue = `
set -eu
cd "$WORK"
mount --make-rprivate /
root=$WORK/root
mkdir -p "$root"
ln -sfn "$BASE" base
mount -t overlay overlay -o "lowerdir=$LOWER,upperdir=$UPPER/files,workdir=$UPPER/work" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=0755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do : > "$root/dev/$device"; mount --bind "/dev/$device" "$root/dev/$device"; done
mkdir "$root/dev/shm"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ln -s /proc/self/fd "$root/dev/fd"
ip link set lo up
while read -r from at; do
  if [ -n "$from" ]; then mkdir -p "$root$at"; mount --bind "$from" "$root$at"; fi
done <<END
$MOUNTS
END
inside() {
  mkdir -p "$root$DIRECTORY"
  chroot --userspec="$CONTAINER_USER" "$root" /usr/bin/env -i /bin/sh -c 'set -a; . /dev/fd/3; set +a; cd "$1"; shift; exec 3<&-; exec "$@"' sh "$DIRECTORY" "$@" 3<"$UPPER/environment" </dev/null
}
`;

/** Runs a step; gives its exit code and what it printed, line by line. */
export async function runIn(
  step: ContainerStep,
): Promise<{ readonly code: number; readonly lines: readonly string[] }> {
  const { work, base, stack } = step.layers;
  for (const part of ['files', 'work']) mkdirSync(join(work, String(step.upper), part), { recursive: true });
  const assignments = Object.entries(step.env).map(([name, value]) => `${name}='${value.replaceAll("'", `'\\''`)}'\n`);
  writeFileSync(join(work, String(step.upper), 'environment'), assignments.join(''));
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child', '--net', '--ipc', '--uts'];
  const child = spawn('unshare', [...namespaces, 'sh', '-c', `${prologue}${step.script}`, 'sh', ...step.args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      WORK: work,
      BASE: base,
      LOWER: [...stack.map((number) => `${number}/files`).reverse(), 'base'].join(':'),
      UPPER: String(step.upper),
      DIRECTORY: step.cwd,
      CONTAINER_USER: step.user,
      MOUNTS: step.mounts.map(({ from, at }) => `${from} ${at}`).join('\n'),
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => void (output += chunk));
  }
  const code = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (status) => {
      // What the step left running holds the pipes open no longer than its namespace lives.
      child.on('close', () => resolve(status ?? 255));
    });
  });
  const lines = output.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return { code, lines };
}
