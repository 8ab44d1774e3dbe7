/** What a saved machine demands of the machine it is loaded into: all of it shows in the guest, so all of it is the same on save and restore. */
export interface MachineFacts {
  readonly board: Board;
  readonly accelerator: Accelerator;
  readonly memoryBytes: number;
  readonly cpus: number;
  /** Of the time stamp counter that the guest sees under emulation, which is the host's own; null under KVM, which tells the guest itself. */
  readonly tscKhz: number | null;
  /** What this guest's kernel is told beside what every guest's is. */
  readonly kernelArguments: readonly string[];
}

/** `microvm`: no PCI, boots fastest. `q35`: the same devices on PCI. */
export type Board = 'microvm' | 'q35';
export type Accelerator = 'kvm' | 'tcg';

/** File descriptors that QEMU inherits, by what they are. */
export interface Inherited {
  readonly control: number;
  readonly agent: number;
  readonly fuse: number;
  readonly incoming: number;
  /** Null where a state is to be loaded: it holds them. */
  readonly boot: { readonly kernel: number; readonly initramfs: number } | null;
  readonly memory: number;
  /** Images from the bottom up, all read only. */
  readonly disks: readonly { readonly descriptor: number; readonly format: 'qcow2' | 'raw' }[];
}

/** The control channel's node for the image that the guest writes to; `n` counts the images that were so. */
export function liveNode(n: number): string {
  return `live${n}`;
}

/** Name, in QEMU's working directory, of the image that node `liveNode(n)` writes. */
export function liveImage(n: number): string {
  return `disk-${n}.qcow2`;
}

/** Options of the file below a qcow2 image that is written: only a lost host loses what is not flushed, and then the machine is lost too. */
export function liveFileOptions(n: number): Readonly<Record<string, unknown>> {
  return {
    driver: 'file',
    'node-name': `${liveNode(n)}-file`,
    filename: liveImage(n),
    locking: 'off',
    discard: 'unmap',
    cache: { direct: false, 'no-flush': true },
  };
}

/**
 * QEMU's arguments (QEMU 7.2's qemu(1)). Whether a state is to be loaded changes nothing but what is booted. Files come as inherited descriptors, so
 * that QEMU needs no way to where they lie; it creates files in its working directory only.
 */
export function qemuArguments(options: {
  readonly facts: MachineFacts;
  readonly inherited: Inherited;
  readonly network: 'outward' | 'none';
}): readonly string[] {
  const { facts, inherited } = options;
  const bus = facts.board === 'microvm' ? 'device' : 'pci';
  const size = `${facts.memoryBytes}B`;
  const topDisk = inherited.disks.length - 1;
  return [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
    ...['-global', 'migration.send-configuration=off'],
    ...['-rtc', 'base=utc,clock=vm'],
    ...['-accel', facts.accelerator === 'kvm' ? 'kvm' : 'tcg,tb-size=128'],
    ...['-cpu', facts.accelerator === 'kvm' ? 'host' : 'max', '-smp', String(facts.cpus)],
    ...['-object', `memory-backend-file,id=ram,size=${size},mem-path=/proc/self/fd/${inherited.memory},share=off`],
    ...['-M', boardOptions(facts.board), '-m', `size=${size}`],
    ...(inherited.boot === null
      ? ['-S', '-incoming', 'defer']
      : [
          ...['-kernel', `/proc/self/fd/${inherited.boot.kernel}`],
          ...['-initrd', `/proc/self/fd/${inherited.boot.initramfs}`, '-append', kernelCommandLine(facts)],
        ]),
    ...['-chardev', `socket,id=control,fd=${inherited.control}`, '-mon', 'chardev=control,mode=control'],
    ...inherited.disks.flatMap(({ descriptor, format }, index) => [
      ...['-add-fd', `fd=${descriptor},set=${descriptor}`],
      ...['-blockdev', JSON.stringify(diskFile(descriptor, index))],
      ...['-blockdev', JSON.stringify(diskFormat(format, index))],
    ]),
    ...['-blockdev', JSON.stringify(liveFileOptions(0))],
    ...[
      '-blockdev',
      JSON.stringify({
        driver: 'qcow2',
        'node-name': liveNode(0),
        file: `${liveNode(0)}-file`,
        backing: `disk${topDisk}`,
        discard: 'unmap',
        cache: { direct: false, 'no-flush': true },
      }),
    ],
    ...['-device', `virtio-blk-${bus},drive=${liveNode(0)},werror=stop,rerror=stop`],
    ...['-device', `virtio-serial-${bus},id=ports`],
    ...['-chardev', `socket,id=agent,fd=${inherited.agent}`],
    ...['-device', 'virtserialport,bus=ports.0,nr=1,chardev=agent,name=agent'],
    ...['-chardev', `socket,id=fuse,fd=${inherited.fuse}`],
    ...['-device', 'virtserialport,bus=ports.0,nr=2,chardev=fuse,name=fuse'],
    ...['-object', 'rng-random,id=entropy,filename=/dev/urandom', '-device', `virtio-rng-${bus},rng=entropy`],
    ...['-netdev', `user,id=net${options.network === 'none' ? ',restrict=on' : ''}`],
    ...['-device', `virtio-net-${bus},netdev=net${bus === 'pci' ? ',romfile=' : ''}`],
  ];
}

/** `-M`, without what a machine of ours has no use for. */
function boardOptions(board: Board): string {
  const common = 'usb=off,memory-backend=ram,dump-guest-core=off,suppress-vmdesc=on';
  switch (board) {
    case 'microvm':
      return `microvm,acpi=on,pcie=off,rtc=on,pit=on,pic=off,isa-serial=off,${common}`;
    case 'q35':
      return `q35,smbus=off,sata=off,vmport=off,hpet=off,i8042=off,smm=off,graphics=off,${common}`;
  }
}

function kernelCommandLine(facts: MachineFacts): string {
  return [
    ...['quiet', 'panic=-1', 'reboot=t'],
    // Without it a microvm under emulation waits for ever for a timer to measure the counter by.
    ...(facts.tscKhz === null ? [] : [`tsc_early_khz=${facts.tscKhz}`]),
    // Code that lies elsewhere in each process is translated for each anew: it takes three times as long to start one.
    ...(facts.accelerator === 'tcg' ? ['norandmaps'] : []),
    ...['mitigations=off', 'nokaslr', 'random.trust_cpu=1', 'cryptomgr.notests', 'audit=0'],
    ...facts.kernelArguments,
  ].join(' ');
}

function diskFile(descriptor: number, index: number): Readonly<Record<string, unknown>> {
  return {
    driver: 'file',
    'node-name': `disk${index}-file`,
    filename: `/dev/fdset/${descriptor}`,
    'read-only': true,
    'auto-read-only': false,
    locking: 'off',
  };
}

/** Backing images are given as nodes: what an image's own header names is never followed. */
function diskFormat(format: 'qcow2' | 'raw', index: number): Readonly<Record<string, unknown>> {
  const node = { driver: format, 'node-name': `disk${index}`, file: `disk${index}-file`, 'read-only': true };
  if (format === 'raw') return node;
  return { ...node, backing: index === 0 ? null : `disk${index - 1}` };
}
