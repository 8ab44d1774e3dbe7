/**
 * Debian packages that the tests or the quickstart need, beside what every Debian has.
 * A package counts as there when its `file` is; `why` is what a person is told.
 */
export const debianPackages = [
  { name: 'git', file: '/usr/bin/git', why: 'finds the files of a repository' },
  { name: 'util-linux', file: '/usr/bin/nsenter', why: 'makes and enters namespaces' },
  { name: 'mount', file: '/bin/mount', why: 'mounts the view of the repository' },
  { name: 'iproute2', file: '/sbin/ip', why: 'brings up the loopback of a machine' },
  { name: 'mmdebstrap', file: '/usr/bin/mmdebstrap', why: 'makes the base machine vm/debian:12' },
];
