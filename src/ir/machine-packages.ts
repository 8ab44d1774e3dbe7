/** What every machine has, by Debian package, whatever makes it. */
export const machinePackages = [
  'bash',
  'ca-certificates',
  'curl',
  'wget',
  'git',
  'sudo',
  'procps',
  'iproute2',
  'gnupg',
  'lsb-release',
  'python3',
  'unzip',
] as const;
