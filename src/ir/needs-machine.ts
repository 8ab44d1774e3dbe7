import type { ShellLook, SimpleCommand } from './shell.ts';

/** A command that needs a whole machine: its own kernel, its own init, or a daemon that wants them. */
export interface MachineNeed {
  /** The command, as a person would name it (`docker`, `systemctl`). */
  readonly command: string;
  /** What it needs, as the end of the sentence "`x` …". */
  readonly why: string;
  /** Offsets in the command line, of the program with its arguments. */
  readonly start: number;
  readonly end: number;
}

const docker = 'talks to a container daemon, which needs a kernel with its own cgroups and mounts';
const init = 'needs systemd as the first process';
const kernel = "changes the machine's kernel";
const mounts = 'mounts file systems';
const cluster = 'starts a Kubernetes node, which needs a kernel of its own';

/** Programs that plainly need a machine of their own, by the name they are called by. */
export const machineCommands: ReadonlyMap<string, string> = new Map([
  ['docker', docker],
  ['docker-compose', docker],
  ['dockerd', docker],
  ['podman', docker],
  ['nerdctl', docker],
  ['containerd', docker],
  ['buildah', docker],
  ['systemctl', init],
  ['journalctl', init],
  ['loginctl', init],
  ['hostnamectl', init],
  ['timedatectl', init],
  ['snap', init],
  ['lxd', docker],
  ['lxc', docker],
  ['modprobe', kernel],
  ['insmod', kernel],
  ['rmmod', kernel],
  ['kexec', kernel],
  ['reboot', kernel],
  ['mount', mounts],
  ['umount', mounts],
  ['losetup', mounts],
  ['swapon', mounts],
  ['mkswap', mounts],
  ['iptables', kernel],
  ['nft', kernel],
  ['ufw', kernel],
  ['k3s', cluster],
  ['k0s', cluster],
  ['kubeadm', cluster],
  ['kubelet', cluster],
  ['microk8s', cluster],
  ['minikube', cluster],
  ['kind', cluster],
  ['k3d', cluster],
  ['qemu-system-x86_64', 'starts a virtual machine'],
  ['virsh', 'starts a virtual machine'],
  ['vagrant', 'starts a virtual machine'],
]);

/** Scripts that are fetched to be run, and install what plainly needs one. */
const installers: readonly (readonly [script: string, why: string])[] = [
  ['get.k3s.io', cluster],
  ['get.k0s.sh', cluster],
  ['get.docker.com', docker],
];

/** The commands of a RUN (see `lookIntoShell`) that need a machine of their own, each program once. */
export function needsMachine(look: ShellLook): readonly MachineNeed[] {
  const needs = new Map<string, MachineNeed>();
  for (const one of look.commands) {
    const [command, why] = needOf(one);
    if (why === undefined || needs.has(command) || onlyAsks(one)) continue;
    needs.set(command, { command, why, start: one.start, end: one.end });
  }
  return [...needs.values()];
}

function needOf({ program, words }: SimpleCommand): readonly [command: string, why: string | undefined] {
  const why = machineCommands.get(program);
  if (why !== undefined || !/^(curl|wget)$/.test(program)) return [program, why];
  const fetched = installers.find(([script]) => words.some(({ text }) => hostIn(text) === script));
  return fetched ?? [program, undefined];
}

function hostIn(word: string): string {
  return word.replace(/^https?:\/\//, '').split('/')[0] ?? '';
}

/** `docker --version` and its like work anywhere; `mount` alone lists. */
function onlyAsks(command: SimpleCommand): boolean {
  const [first] = command.words;
  if (first === undefined) return command.program === 'mount' || command.program === 'snap';
  return /^(--version|-v|-V|version|--help|-h|help|completion)$/.test(first.text);
}
