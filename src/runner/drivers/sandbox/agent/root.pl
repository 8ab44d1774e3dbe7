# The machine's root: an overlay of layers, in a mount namespace of its own.

sub device {
    my ($path, $major, $minor) = @_;
    my $result = call('mknodat', AT_FDCWD, $path, (S_IFCHR | 0666) + 0, ($major << 8 | $minor) + 0);
    return if $result != -1;
    my ($name) = $path =~ m{([^/]+)\z};
    sysopen(my $file, $path, O_WRONLY | O_CREAT, 0666) or die "$path: $!\n";
    mountAt("/dev/$name", $path, '', MS_BIND, '');
}

sub mountDevices {
    my ($root) = @_;
    sysopen(my $shared, "$root/dev/shm", O_PATH | O_DIRECTORY | O_NOFOLLOW) or die "/dev/shm: $!\n";
    mountAt('tmpfs', "$root/dev", 'tmpfs', MS_NOSUID | MS_NOEXEC, 'mode=755,size=65536k');
    device("$root/dev/$$_[0]", $$_[1], $$_[2])
        for ['null', 1, 3], ['zero', 1, 5], ['full', 1, 7], ['random', 1, 8], ['urandom', 1, 9], ['tty', 5, 0];
    symlink($$_[1], "$root/dev/$$_[0]") or die "/dev/$$_[0]: $!\n"
        for ['ptmx', 'pts/ptmx'], ['fd', '/proc/self/fd'], ['stdin', '/proc/self/fd/0'], ['stdout', '/proc/self/fd/1'], ['stderr', '/proc/self/fd/2'];
    mkdir "$root/dev/$_" or die "/dev/$_: $!\n" for 'pts', 'shm';
    mountAt('devpts', "$root/dev/pts", 'devpts', MS_NOSUID | MS_NOEXEC, 'newinstance,ptmxmode=0666,mode=0620');
    mountAt('/proc/self/fd/' . fileno $shared, "$root/dev/shm", '', MS_BIND, '');
}

sub readOnly {
    my ($path) = @_;
    return if !-e $path;
    mountAt($path, $path, '', MS_BIND | MS_REC, '');
    mountAt('none', $path, '', MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, '');
}

sub mask {
    my ($root, $path) = @_;
    my $full = "$root$path";
    if (-d $full) { mountAt('tmpfs', $full, 'tmpfs', MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, 'size=0') }
    elsif (-e $full) { mountAt("$root/dev/null", $full, '', MS_BIND, '') }
}

# What the machine has of its own goes over what lies there, which a step or a COPY may have made into anything.
sub needs {
    my ($root, $path, $kind) = @_;
    my @found = lstat "$root$path";
    my $is = !@found ? 'missing' : -l _ ? 'a link' : -d _ ? 'a directory' : -f _ ? 'a file' : 'a special file';
    die "$path is $is, and the machine needs $kind there for its own; leave it as it was\n" if $is ne $kind;
}

# Mounts the overlay and makes it the root of a new inner mount namespace. Layers are named by descriptors, relative to /proc/self/fd: short
# enough for 500 of them in the page that mount(2) reads, still right after a layer's directory was renamed, and nothing of the host's paths
# shows in the machine's mountinfo.
sub newRoot {
    my ($options, @paths) = @_;
    dropRoot();
    my $root = "$directory/root";
    my ($upper, $work, @lowers) = map { hold($_) } @paths;
    chdir '/proc/self/fd' or die "/proc/self/fd: $!\n";
    my $data = "lowerdir=" . join(':', @lowers) . ",upperdir=$upper,workdir=$work,$options";
    die "too many layers: mount options are longer than a page\n" if length $data > 4090;
    mountAt('overlay', $root, 'overlay', MS_NODEV, $data);
    chdir '/';
    my $umask = umask 0;
    check('unshare', call('unshare', CLONE_NEWNS));
    my $done = eval {
        mountAt('none', '/', '', MS_REC | MS_PRIVATE, '');
        needs($root, $_, 'a directory') for qw(/proc /sys /dev /dev/shm);
        needs($root, $_, 'a file') for qw(/etc/resolv.conf /etc/hosts /etc/hostname);
        mountAt('proc', "$root/proc", 'proc', MS_NOSUID | MS_NODEV | MS_NOEXEC, '');
        mountAt('sysfs', "$root/sys", 'sysfs', MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, '');
        mountDevices($root);
        readOnly("$root/proc/$_") for qw(bus fs irq sys sysrq-trigger);
        mask($root, $_)
            for qw(/proc/asound /proc/acpi /proc/interrupts /proc/kcore /proc/keys /proc/latency_stats /proc/timer_list /proc/timer_stats
            /proc/sched_debug /proc/scsi /sys/firmware /sys/devices/virtual/powercap);
        mountAt("$directory/etc/$_", "$root/etc/$_", '', MS_BIND, '') for qw(resolv.conf hosts hostname);
        chdir $root or die "$root: $!\n";
        my $here = '.';
        check('pivot_root', call('pivot_root', $here, $here));
        check('umount', call('umount', $here, MNT_DETACH));
        chdir '/';
        sysopen($inner, '/proc/self/ns/mnt', O_RDONLY) or die "namespace: $!\n";
        $innerMounts = readFile('/proc/self/mountinfo');
        %innerFiles = unkept();
        1;
    };
    my $problem = $@;
    umask $umask;
    check('setns', call('setns', fileno $outer, CLONE_NEWNS));
    call('umount', $root, MNT_DETACH);
    if (!$done) { dropRoot(); die $problem }
    return ();
}

# A directory's descriptor, kept while the machine lives: the store may rename a layer that is in use.
sub hold {
    my ($path) = @_;
    if (!$held{$path}) {
        sysopen(my $handle, $path, O_PATH | O_DIRECTORY) or die "$path: $!\n";
        $held{$path} = $handle;
    }
    return fileno $held{$path};
}

# The last reference to the inner namespace: with no process in it, its mounts go.
sub dropRoot {
    close $inner if $inner;
    undef $inner;
    undef $innerMounts;
}

sub enter {
    die "the machine has no root\n" if !$inner;
    check('setns', call('setns', fileno $inner, CLONE_NEWNS));
}
