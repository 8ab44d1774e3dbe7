/**
 * Debian packages that the quickstart (`start`) or only the tests (`test`) need, beside those that every Debian has.
 * A package counts as there when its `file` is; `why` is what a person is told.
 */
export const debianPackages = [
  { name: 'git', file: '/usr/bin/git', for: 'start', why: 'repositories are read with it' },
  { name: 'mmdebstrap', file: '/usr/bin/mmdebstrap', for: 'start', why: 'makes the base machine vm/debian:12' },
  { name: 'slirp4netns', file: '/usr/bin/slirp4netns', for: 'start', why: 'connects machines to the network' },
  { name: 'zstd', file: '/usr/bin/zstd', for: 'start', why: 'unpacks base machines' },
  { name: 'xz-utils', file: '/usr/bin/xz', for: 'start', why: 'unpacks base machines' },
  {
    name: 'qemu-system-x86',
    file: '/usr/bin/qemu-system-x86_64',
    for: 'test',
    why: 'machines with processes that are saved',
  },
  { name: 'qemu-utils', file: '/usr/bin/qemu-img', for: 'test', why: 'disks of those machines' },
  { name: 'kmod', file: '/sbin/depmod', for: 'test', why: 'modules of their kernel' },
  { name: 'busybox-static', file: '/bin/busybox', for: 'test', why: 'the smallest base machine there is' },
  {
    name: 'docker-registry',
    file: '/usr/bin/docker-registry',
    for: 'test',
    why: 'images are fetched from a real registry',
  },
  { name: 'openssl', file: '/usr/bin/openssl', for: 'test', why: 'certificates of servers on loopback' },
  { name: 'libcap2-bin', file: '/sbin/setcap', for: 'test', why: 'files with capabilities are unpacked' },
  { name: 'strace', file: '/usr/bin/strace', for: 'test', why: 'what was observed is compared with what it saw' },
  { name: 'gcc', file: '/usr/bin/gcc', for: 'test', why: 'a program that reads as fast as it can is compiled' },
  { name: 'libc6-dev', file: '/usr/include/stdio.h', for: 'test', why: 'the same program' },
  { name: 'sudo', file: '/usr/bin/sudo', for: 'test', why: 'the action becomes root as on hosted runners' },
  { name: 'make', file: '/usr/bin/make', for: 'test', why: 'one of the tools that are watched' },
  { name: 'python3', file: '/usr/bin/python3', for: 'test', why: 'one of the tools that are watched' },
  {
    name: 'shellcheck',
    file: '/usr/bin/shellcheck',
    for: 'test',
    why: 'the scripts of compiled workflows are checked',
  },
  { name: 'iproute2', file: '/bin/ip', for: 'test', why: 'jobs of compiled workflows get a loopback of their own' },
];
