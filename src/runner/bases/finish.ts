/**
 * Run by bash inside the new root: installs what is missing and leaves the machine as every base is (dpkg does not fsync each file: what it
 * writes is kept, or not, as a whole). `PACKAGES` are the packages to install,
 * `APT_CONFIGURATION` is what apt is told for good, `SOURCES` replaces the sources of apt unless it is empty.
 */
export const finishScript = `
set -eu
umask 022
cat > /usr/sbin/policy-rc.d <<'END'
#!/bin/sh
# Packages start their services only where systemd runs the machine.
[ -d /run/systemd/system ] && exit 0
exit 101
END
chmod 0755 /usr/sbin/policy-rc.d
rm -f /etc/apt/apt.conf.d/docker-clean /etc/apt/apt.conf.d/99mmdebstrap
printf '%s' "$APT_CONFIGURATION" > /etc/apt/apt.conf.d/90layer
mkdir -p /etc/dpkg/dpkg.cfg.d
echo force-unsafe-io > /etc/dpkg/dpkg.cfg.d/90layer
if [ -n "$SOURCES" ]; then printf '%s' "$SOURCES" > /etc/apt/sources.list; fi
if [ -n "$PACKAGES" ]; then
  apt-get -o APT::Sandbox::User=root update
  # shellcheck disable=SC2086
  apt-get -o APT::Sandbox::User=root install --no-install-recommends $PACKAGES
fi
apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/ldconfig/aux-cache /var/cache/debconf/*-old
rm -rf /var/lib/dpkg/*-old /var/log/apt/* /var/log/alternatives.log /var/log/bootstrap.log /var/log/dpkg.log /tmp/* /var/tmp/*
rm -f /var/lib/dbus/machine-id /var/lib/systemd/random-seed
chmod 0770 /root
chmod 1777 /tmp /var/tmp
`;

/** What apt of every base machine is told: to ask nothing, to read no translations, and what this host's apt needs to reach its mirror. */
export function aptConfiguration(hostOptions: readonly string[]): string {
  return ['APT::Get::Assume-Yes "true";', 'Acquire::Languages "none";', ...hostOptions, ''].join('\n');
}

/**
 * Run by sh of the host in namespaces of its own (mount, pid, ipc, uts): gives the root in $1 what programs expect of a running system,
 * then runs the script in $2 inside it with the capabilities of a container, and no more. Not a boundary: an image is trusted as much as
 * its packages' scripts are.
 */
export const enterScript = `
set -eu
root=$1
mount --make-rprivate /
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t tmpfs -o mode=0755,nosuid tmpfs "$root/dev"
for device in null zero full random urandom tty; do
  : > "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/dev/shm"
ln -s /proc/self/fd "$root/dev/fd"
for file in resolv.conf hosts; do
  if [ -e "/etc/$file" ]; then mount --bind "/etc/$file" "$root/etc/$file"; fi
done
hostname localhost
exec setpriv --bounding-set=-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+setfcap,+net_bind_service,+sys_chroot,+audit_write chroot "$root" /bin/bash -c "$2"
`;
