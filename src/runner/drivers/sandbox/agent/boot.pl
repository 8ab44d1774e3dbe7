# The machine before it has a root: its name, its own /proc and message queues, its loopback.

sub boot {
    sysopen($outer, '/proc/self/ns/mnt', O_RDONLY) or die "namespace: $!\n";
    my $name = $hostname;
    check('sethostname', call('sethostname', $name, length $name));
    mountAt('proc', "$directory/proc", 'proc', MS_NOSUID | MS_NODEV | MS_NOEXEC, '');
    mountAt('mqueue', "$directory/mqueue", 'mqueue', MS_NOSUID | MS_NODEV | MS_NOEXEC, '');
    socket(my $socket, AF_INET, SOCK_DGRAM, 0) or die "socket: $!\n";
    my $request = pack('a16 s x22', 'lo', 0);
    ioctl($socket, 0x8913, $request) or die "loopback: $!\n";
    my (undef, $flags) = unpack('a16 s', $request);
    $request = pack('a16 s x22', 'lo', $flags | 1);
    ioctl($socket, 0x8914, $request) or die "loopback: $!\n";
    setLimit(4, 0, 0);
    setLimit(7, 65536, 1048576);
}

# RLIMIT by number; the hard limit of this process is the most that can be had where CAP_SYS_RESOURCE is missing.
sub setLimit {
    my ($resource, $soft, $hard) = @_;
    my $old = "\0" x 16;
    check('prlimit', call('prlimit64', 0, $resource + 0, 0, $old));
    my (undef, $most) = unpack('Q Q', $old);
    $hard = $most if $hard > $most;
    $soft = $hard if $soft > $hard;
    my $new = pack('Q Q', $soft, $hard);
    call('prlimit64', 0, $resource + 0, $new, 0);
}
