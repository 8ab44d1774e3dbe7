# The init of a sandbox machine: process 1 of its namespaces, started by `unshare`, told what to do on standard input.
#
# It lives in the machine's outer mount namespace, where the host's files are still in sight (so that layers and views can be mounted),
# and makes the inner one, whose root is the overlay: only commands enter that. Perl, because every Debian and Ubuntu has it and it can
# make system calls itself: what enters the machine must not need a program of the machine, nor leave one of the host in it.
#
# Frames, both ways: length (u32, big endian), then fields, each a length (u32) and bytes. Field 0 is the request's id, field 1 what it is.
# The end of standard input is the end of the machine: the kernel kills every process of its PID namespace with this one.
use strict;
use warnings;
use Fcntl qw(:DEFAULT :mode);
use POSIX ();
use Socket;

my %numbers = (
    x86_64 => {
        mount => 165, umount => 166, pivot_root => 155, setns => 308, unshare => 272, prctl => 157, capset => 126,
        memfd_create => 319, close_range => 436, sethostname => 170, mknodat => 259, setgroups => 116, setresuid => 117,
        setresgid => 119, prlimit64 => 302, add_key => 248, request_key => 249, keyctl => 250, signalfd4 => 289, audit => 0xc000003e, llistxattr => 195, lgetxattr => 192, lsetxattr => 189,
    },
    aarch64 => {
        mount => 40, umount => 39, pivot_root => 41, setns => 268, unshare => 97, prctl => 167, capset => 91,
        memfd_create => 279, close_range => 436, sethostname => 161, mknodat => 33, setgroups => 159, setresuid => 147,
        setresgid => 149, prlimit64 => 261, add_key => 217, request_key => 218, keyctl => 219, signalfd4 => 74, audit => 0xc00000b7, llistxattr => 12, lgetxattr => 9, lsetxattr => 6,
    },
);
my $machine = (POSIX::uname())[4];
my $number = $numbers{$machine} or die "no system call numbers for $machine\n";

use constant {
    MS_RDONLY => 1, MS_NOSUID => 2, MS_NODEV => 4, MS_NOEXEC => 8, MS_REMOUNT => 32, MS_BIND => 4096, MS_REC => 16384, MS_PRIVATE => 1 << 18,
    MNT_DETACH => 2, CLONE_NEWNS => 0x20000, CLONE_NEWCGROUP => 0x2000000, O_PATH => 010000000, AT_FDCWD => -100, FIONREAD => 0x541B,
    F_SETPIPE_SZ => 1031,
};

my ($directory, $hostname, $userXattr) = @ARGV;
my $xattrPrefix = $userXattr ? 'user.overlay.' : 'trusted.overlay.';
# Docker's default set: chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service net_raw sys_chroot mknod audit_write setfcap.
my @capabilities = (0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31);

my $outer;                   # the outer mount namespace; this process leaves it for a moment while it makes a root
my ($inner, $innerMounts);   # the inner mount namespace, and its mountinfo while it is as we made it
my %innerFiles;              # what no layer keeps of it, as we made it
my (%outputs, %children);    # by descriptor; by process id
my %held;                    # by path, see `hold`
my %terminals;               # by request: the master of a command's terminal, and what has been typed and not been taken yet
my $deaths;                  # a signalfd(2): readable when a child has ended

# By reference: system calls write into their arguments, so those must be variables.
sub call {
    my $name = shift;
    return syscall($number->{$name}, @_);
}

sub check {
    my ($what, $result) = @_;
    die "$what: $!\n" if !defined $result || $result == -1;
    return $result;
}

sub mountAt {
    my ($source, $target, $type, $flags, $data) = @_;
    check("mount $target", call('mount', $source, $target, $type, $flags + 0, $data));
}

sub writeAll {
    my ($handle, $bytes) = @_;
    my $at = 0;
    while ($at < length $bytes) {
        my $count = syswrite($handle, $bytes, length($bytes) - $at, $at);
        next if !defined $count && $!{EINTR};
        return 0 if !defined $count;
        $at += $count;
    }
    return 1;
}

sub reply {
    my $body = pack('(N/a*)*', @_);
    writeAll(\*STDOUT, pack('N', length $body) . $body) or POSIX::_exit(1);
}

sub readFile {
    my ($path) = @_;
    sysopen(my $file, $path, O_RDONLY) or die "$path: $!\n";
    my $bytes = '';
    while (1) {
        my $count = sysread($file, $bytes, 1 << 20, length $bytes);
        next if !defined $count && $!{EINTR};
        die "$path: $!\n" if !defined $count;
        last if $count == 0;
    }
    return $bytes;
}

sub writeFile {
    my ($path, $bytes) = @_;
    sysopen(my $file, $path, O_WRONLY) or die "$path: $!\n";
    writeAll($file, $bytes) or die "$path: $!\n";
}

# ---- boot -------------------------------------------------------------------------------------------------------------------------------

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

# ---- the root ---------------------------------------------------------------------------------------------------------------------------

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

# ---- commands ---------------------------------------------------------------------------------------------------------------------------

sub execute {
    my ($id, $stays, $uid, $gid, $groups, $cwd, $cgroups, $script, $environment) = @_;
    pipe(my $read, my $write) or die "pipe: $!\n";
    pipe(my $joined, my $joining) or die "pipe: $!\n";
    fcntl($read, F_SETFL, O_RDONLY | O_NONBLOCK);
    fcntl($read, F_SETPIPE_SZ, 1 << 18);
    my $pid = fork;
    die "fork: $!\n" if !defined $pid;
    if ($pid == 0) {
        eval { become($write, $joining, $uid, $gid, $groups, $cwd, $cgroups, $script, $environment) };
        my $problem = $@ || "cannot start\n";
        syswrite(defined $write && defined fileno $write ? $write : \*STDERR, "layer: $problem");
        POSIX::_exit(126);
    }
    close $write;
    # Once it is in its control group it cannot be overlooked: only then may anybody ask what runs here.
    close $joining;
    sysread($joined, my $nothing, 1);
    $outputs{fileno $read} = { handle => $read, id => $id, stays => $stays, kind => 'output' };
    $children{$pid} = { id => $id, output => fileno $read, kind => 'command' };
    reply($id, 'started', $pid);
    return;
}

# A command on a terminal of the machine's own devpts. See pty(7) and ioctl_tty(2).
sub terminal {
    my ($id, $columns, $rows, @command) = @_;
    pipe(my $joined, my $joining) or die "pipe: $!\n";
    my ($master, $tty) = openTerminal();
    setSize($master, $columns, $rows);
    my $pid = fork;
    die "fork: $!\n" if !defined $pid;
    if ($pid == 0) {
        close $master;
        eval { become(undef, $joining, @command, $tty) };
        print STDERR $@ || "cannot start\n";
        POSIX::_exit(126);
    }
    close $joining;
    sysread($joined, my $nothing, 1);
    $outputs{fileno $master} = { handle => $master, id => $id, kind => 'output', terminal => 1 };
    $children{$pid} = { id => $id, output => fileno $master, kind => 'command' };
    $terminals{$id} = { handle => $master, typed => '' };
    reply($id, 'started', $pid);
    return;
}

# Its master and the name of its other end. This process is in the machine's mounts for a moment only.
sub openTerminal {
    my ($master, $number);
    enter();
    my $done = eval {
        sysopen($master, '/dev/pts/ptmx', O_RDWR | O_NOCTTY | O_NONBLOCK) or die "/dev/pts/ptmx: $!\n";
        my $unlocked = pack('i', 0);
        ioctl($master, 0x40045431, $unlocked) or die "terminal: $!\n";
        $number = pack('I', 0);
        ioctl($master, 0x80045430, $number) or die "terminal: $!\n";
        1;
    };
    my $problem = $@;
    check('setns', call('setns', fileno $outer, CLONE_NEWNS));
    die $problem if !$done;
    return ($master, '/dev/pts/' . unpack('I', $number));
}

sub setSize {
    my ($master, $columns, $rows) = @_;
    my $size = pack('S4', $rows, $columns, 0, 0);
    ioctl($master, 0x5414, $size);
}

# What a person types waits here while the program does not take it.
sub feed {
    my ($terminal) = @_;
    while (length $terminal->{typed}) {
        my $count = syswrite($terminal->{handle}, $terminal->{typed});
        next if !defined $count && $!{EINTR};
        return if !defined $count && $!{EAGAIN};
        if (!defined $count) { $terminal->{typed} = ''; return }
        substr($terminal->{typed}, 0, $count) = '';
    }
}

# The child's way into the machine: nothing of the host but the three standard descriptors and the script's comes along. With `$tty`, they are that
# terminal, and it is the one that Ctrl-C and job control belong to.
sub become {
    my ($write, $joining, $uid, $gid, $groups, $cwd, $cgroups, $script, $environment, $tty) = @_;
    $SIG{$_} = 'DEFAULT' for qw(CHLD PIPE INT TERM HUP);
    POSIX::sigprocmask(POSIX::SIG_SETMASK(), POSIX::SigSet->new());
    writeFile($_, '0') for split /\0/, $cgroups;
    close $joining;
    call('unshare', CLONE_NEWCGROUP);
    my $name = 'script';
    my $memory = check('memfd_create', call('memfd_create', $name, 0));
    open(my $file, '+<&=', $memory) or die "script: $!\n";
    writeAll($file, $script) or die "script: $!\n";
    chown $uid, $gid, $file;
    enter();
    POSIX::setsid();
    sysopen(my $input, $tty // '/dev/null', $tty ? O_RDWR : O_RDONLY) or die(($tty // '/dev/null') . ": $!\n");
    if ($tty) {
        ioctl($input, 0x540E, 0);
        chown $uid, -1, $input;
        $write = $input;
    }
    # 9 may be any of ours, and the script's may be below it: move that out of the way first.
    my $moved = fcntl($file, F_DUPFD, 64) or die "script: $!\n";
    POSIX::dup2(fileno $input, 0);
    POSIX::dup2(fileno $write, 1);
    POSIX::dup2(fileno $write, 2);
    POSIX::dup2($moved, 9);
    check('close_range', call('close_range', 3, 8, 0));
    check('close_range', call('close_range', 10, 0xffffffff, 0));
    $write = undef;
    setLimit(4, 0, 0);
    setLimit(7, 65536, 1048576);
    umask 022;
    dropCapabilities($uid, $gid, $groups);
    chdir $cwd or fail("cannot enter $cwd: $!", 126);
    %ENV = map { my ($key, $value) = split /=/, $_, 2; ($key, $value) } split /\0/, $environment;
    my @argv = ('bash', '-c', 'eval "exec 9<&-; $(</proc/self/fd/9)"', 'bash');
    { no warnings 'exec'; exec { $_ } @argv for '/bin/bash', '/usr/bin/bash'; }
    fail('bash is not in this machine', 127);
}

sub fail {
    my ($message, $code) = @_;
    my $line = "layer: $message\n";
    POSIX::write(2, $line, length $line);
    POSIX::_exit($code);
}

# The kernel's keyrings belong to a user id, not to a namespace: those of the host's root are not the machine's. A filter of seccomp(2), in
# instructions of bpf(2): load architecture, load number, compare, return.
sub refuseKeys {
    my @numbers = map { $number->{$_} } qw(add_key request_key keyctl);
    my ($load, $equal, $return) = (0x20, 0x15, 0x06);
    my @program = ([$load, 0, 0, 4], [$equal, 0, @numbers + 1, $number->{audit}], [$load, 0, 0, 0]);
    push @program, [$equal, @numbers - $_, 0, $numbers[$_]] for 0 .. $#numbers;
    push @program, [$return, 0, 0, 0x7fff0000], [$return, 0, 0, 0x00050000 | POSIX::EPERM()];
    my $code = join '', map { pack('S C C L', @$_) } @program;
    my $filter = pack('S x6 P', scalar @program, $code);
    check('seccomp', call('prctl', 22, 2, $filter, 0, 0));
}

sub dropCapabilities {
    my ($uid, $gid, $groups) = @_;
    # Until bash replaces it, this process is still the host's perl: nobody in the machine may look into it.
    check('dumpable', call('prctl', 4, 0, 0, 0, 0));
    refuseKeys();
    my %kept = map { $_ => 1 } @capabilities;
    call('prctl', 47, 4, 0, 0, 0);   # PR_CAP_AMBIENT_CLEAR_ALL
    for my $capability (0 .. 63) {
        next if $kept{$capability};
        last if call('prctl', 24, $capability + 0, 0, 0, 0) == -1;   # PR_CAPBSET_DROP
    }
    my @groups = split /,/, $groups;
    my $packed = pack('L*', @groups);
    check('setgroups', call('setgroups', scalar @groups, $packed));
    check('setgid', call('setresgid', $gid + 0, $gid + 0, $gid + 0));
    check('setuid', call('setresuid', $uid + 0, $uid + 0, $uid + 0));
    return if $uid != 0;
    my ($low, $high) = (0, 0);
    $low |= 1 << $_ for @capabilities;
    my $header = pack('L l', 0x20080522, 0);
    my $data = pack('L6', $low, $low, 0, 0, 0, 0);
    check('capset', call('capset', $header, $data));
}

# ---- work inside the machine's root, each in a process of its own --------------------------------------------------------------------------

sub apart {
    my ($id, $work) = @_;
    pipe(my $read, my $write) or die "pipe: $!\n";
    my $pid = fork;
    die "fork: $!\n" if !defined $pid;
    if ($pid == 0) {
        close $read;
        my @fields = eval { ('ok', $work->()) };
        @fields = ('error', $@ =~ s/\n\z//r) if $@;
        writeAll($write, pack('(N/a*)*', @fields));
        POSIX::_exit(0);
    }
    close $write;
    $outputs{fileno $read} = { handle => $read, id => $id, kind => 'answer', bytes => '' };
    $children{$pid} = { kind => 'worker' };
    return;
}

sub attributes {
    my ($path) = @_;
    my @stat = lstat $path or return undef;
    return { kind => S_ISDIR($stat[2]) ? 'directory' : S_ISREG($stat[2]) ? 'file' : S_ISLNK($stat[2]) ? 'link' : 'other',
        mode => $stat[2] & 07777, uid => $stat[4], gid => $stat[5], rdev => $stat[6], atime => $stat[8], mtime => $stat[9] };
}

# Follows every link; what does not exist is taken as it is written. Called where the machine's root is the process's own: nothing leads out.
sub resolve {
    my ($path) = @_;
    my @todo = grep { length && $_ ne '.' } split m{/}, $path;
    my @at;
    my @above = (attributes('/'));
    my ($missing, $links, $kind) = (0, 0, 'directory');
    while (@todo) {
        my $name = shift @todo;
        if ($name eq '..') {
            pop @at;
            $#above = @at if $#above > @at;
            $missing = $#above < @at;
            $kind = $missing ? '' : 'directory';
            next;
        }
        my $next = '/' . join('/', @at, $name);
        my $is = $missing ? undef : attributes($next);
        if ($is && $is->{kind} eq 'link') {
            die "$path: too many levels of symbolic links\n" if ++$links > 40;
            my $target = readlink $next;
            die "$next: $!\n" if !defined $target;
            unshift @todo, grep { length && $_ ne '.' } split m{/}, $target;
            if ($target =~ m{^/}) { @at = (); $#above = 0; $kind = 'directory'; $missing = 0 }
            next;
        }
        push @at, $name;
        if (!$is) { $missing = 1; $kind = '' }
        elsif ($is->{kind} eq 'directory') { push @above, $is; $kind = 'directory' }
        else { $kind = $is->{kind}; $missing = 1 }
    }
    return ('/' . join('/', @at), $kind, map { ($_->{mode}, $_->{uid}, $_->{gid}) } @above);
}

sub makeDirectories {
    my ($path, $mode, $uid, $gid) = @_;
    my ($resolved) = resolve($path);
    umask 0;
    my $at = '';
    for my $name (grep { length } split m{/}, $resolved) {
        $at .= "/$name";
        if (mkdir $at, 0700) {
            chown $uid, $gid, $at;
            chmod $mode, $at;
        }
        elsif (!-d $at) { die "$at: $!\n" }
    }
    return ($resolved);
}

# Sets the times of directories; what is none, or lies behind a link, is left as it is.
sub date {
    my ($seconds, @paths) = @_;
    for my $path (@paths) {
        my ($resolved, $kind) = resolve($path);
        utime $seconds, $seconds, $path or die "$path: $!\n" if $kind eq 'directory' && $resolved eq $path;
    }
    return ();
}

sub replaceFile {
    my ($path, $bytes, $mode, $uid, $gid) = @_;
    my ($resolved) = resolve($path);
    my $staged = "$resolved.layer-$$";
    unlink $staged;
    sysopen(my $file, $staged, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600) or die "$staged: $!\n";
    writeAll($file, $bytes) or die "$staged: $!\n";
    chown $uid, $gid, $file;
    chmod $mode, $file;
    rename $staged, $resolved or die "$resolved: $!\n";
    return ();
}

sub removeTree {
    my ($path) = @_;
    my $is = attributes($path) or return;
    if ($is->{kind} ne 'directory') { unlink $path or die "$path: $!\n"; return }
    removeTree("$path/$_") for names($path);
    rmdir $path or die "$path: $!\n";
}

sub names {
    my ($path) = @_;
    opendir(my $listing, $path) or die "$path: $!\n";
    return sort grep { $_ ne '.' && $_ ne '..' } readdir $listing;
}

# Copies what the machine shows, from outside: by the host's cp, but of a directory that was opened inside, so that no link leads it elsewhere.
sub copyOut {
    my ($path, $target) = @_;
    enter();
    my ($resolved, $kind) = resolve($path);
    return '' if $kind eq '';
    my ($above, $name) = $kind eq 'directory' ? ($resolved, '.') : $resolved =~ m{^(.*/)([^/]+)\z};
    sysopen(my $from, $above, O_PATH | O_DIRECTORY) or die "$above: $!\n";
    check('setns', call('setns', fileno $outer, CLONE_NEWNS));
    chdir '/proc/self/fd/' . fileno $from or die "$above: $!\n";
    system('cp', '-a', '-x', '--reflink=auto', '--', $name, "$target/") == 0 or die "$resolved could not be copied\n";
    return $kind eq 'directory' ? 'directory' : 'file';
}

# Copies a view into the live root: over what is there, an entry of another kind replaced, as the layer would have looked.
sub copyIn {
    my ($from, $to) = @_;
    my $is = attributes($from) or die "$from: $!\n";
    my $old = attributes($to);
    if ($is->{kind} eq 'directory') {
        if (!$old || $old->{kind} ne 'directory') {
            removeTree($to);
            mkdir $to, 0700 or die "$to: $!\n";
        }
        copyIn("$from/$_", "$to/$_") for names($from);
        chown $is->{uid}, $is->{gid}, $to;
        chmod $is->{mode}, $to;
        return;
    }
    # A socket or a pipe means nothing without the process that made it.
    return if $is->{kind} eq 'other';
    removeTree($to);
    if ($is->{kind} eq 'link') {
        symlink(readlink $from, $to) or die "$to: $!\n";
        return;
    }
    sysopen(my $in, $from, O_RDONLY) or die "$from: $!\n";
    sysopen(my $out, $to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600) or die "$to: $!\n";
    while (1) {
        my $count = sysread($in, my $bytes, 1 << 20);
        die "$from: $!\n" if !defined $count;
        last if $count == 0;
        writeAll($out, $bytes) or die "$to: $!\n";
    }
    close $out or die "$to: $!\n";
    chown $is->{uid}, $is->{gid}, $to;
    chmod $is->{mode}, $to;
    utime $is->{atime}, $is->{mtime}, $to;
}

# ---- layers, in the outer namespace ------------------------------------------------------------------------------------------------------

sub extendedAttributes {
    my ($path) = @_;
    my $size = call('llistxattr', $path, 0, 0);
    return () if $size <= 0;
    my $list = "\0" x $size;
    $size = call('llistxattr', $path, $list, $size + 0);
    return () if $size <= 0;
    my @pairs;
    for my $name (split /\0/, substr($list, 0, $size)) {
        my $length = call('lgetxattr', $path, $name, 0, 0);
        next if $length < 0;
        my $value = "\0" x ($length + 1);
        $length = call('lgetxattr', $path, $name, $value, $length + 1);
        next if $length < 0;
        push @pairs, [$name, substr($value, 0, $length)];
    }
    return @pairs;
}

sub setExtendedAttribute {
    my ($path, $name, $value) = @_;
    check("$path: $name", call('lsetxattr', $path, $name, $value, length($value) + 0, 0));
}

# Puts the layer `from` over the layer `to` by hard links: whiteouts and opaque marks stay, for what lies below both.
sub mergeLayer {
    my ($from, $to) = @_;
    my $is = attributes($from) or die "$from: $!\n";
    my $old = attributes($to);
    if ($is->{kind} ne 'directory') {
        removeTree($to) if $old;
        link($from, $to) or die "$to: $!\n";
        return;
    }
    my @pairs = extendedAttributes($from);
    my $opaque = grep { $$_[0] eq $xattrPrefix . 'opaque' && $$_[1] eq 'y' } @pairs;
    my $covers = $old && $old->{kind} ne 'directory';
    if ($old && ($opaque || $covers)) { removeTree($to); $old = undef }
    if (!$old) { mkdir $to, 0700 or die "$to: $!\n" }
    setExtendedAttribute($to, $$_[0], $$_[1]) for @pairs;
    setExtendedAttribute($to, $xattrPrefix . 'opaque', 'y') if $covers && !$opaque;
    mergeLayer("$from/$_", "$to/$_") for names($from);
    chown $is->{uid}, $is->{gid}, $to;
    chmod $is->{mode}, $to;
    utime $is->{atime}, $is->{mtime}, $to;
}

# ---- requests ---------------------------------------------------------------------------------------------------------------------------

my %inside = (
    read => sub { readFile((resolve($_[0]))[0]) },
    write => \&replaceFile,
    mkdir => \&makeDirectories,
    date => \&date,
    resolve => \&resolve,
);

sub request {
    my ($id, $what, @fields) = @_;
    my $done = eval {
        if ($what eq 'root') { reply($id, 'ok', newRoot(@fields)) }
        elsif ($what eq 'exec') { execute($id, @fields) }
        elsif ($what eq 'terminal') { terminal($id, @fields) }
        elsif ($what eq 'type') {
            my $terminal = $terminals{$fields[0]};
            if ($terminal) { $terminal->{typed} .= $fields[1]; feed($terminal) }
            reply($id, 'ok');
        }
        elsif ($what eq 'size') {
            my $terminal = $terminals{$fields[0]};
            setSize($terminal->{handle}, $fields[1], $fields[2]) if $terminal;
            reply($id, 'ok');
        }
        elsif ($what eq 'kill') { killAllBut(@fields); reply($id, 'ok') }
        elsif ($what eq 'copy-in') {
            my $source = '/proc/self/fd/' . hold($fields[0]);
            apart($id, sub { enter(); umask 0; copyIn("$source/$_", "/$_") for names($source); () });
        }
        elsif ($what eq 'copy-out') { apart($id, sub { copyOut(@fields) }) }
        elsif ($what eq 'merge') { my ($to, @from) = @fields;
            apart($id, sub { umask 0; mergeLayer(-d $_ ? '/proc/self/fd/' . hold($_) . '/.' : $_, $to) for @from; () });
        }
        elsif ($what eq 'state') { apart($id, \&state) }
        elsif ($inside{$what}) { apart($id, sub { enter(); $inside{$what}->(@fields) }) }
        else { die "unknown request $what\n" }
        1;
    };
    reply($id, 'error', $@ =~ s/\n\z//r) if !$done;
}

# Where no control group holds a command together: kills every process that is not of one of the sessions given.
sub killAllBut {
    my %spared = map { $_ => 1 } @_;
    for my $process (processes()) { kill 'KILL', $$process{pid} if !$spared{$$process{session}} }
}

# The machine's processes. This one's session is foreign here, so it shows as 0; its workers share it, and no command can.
sub processes {
    opendir(my $listing, "$directory/proc") or return ();
    my @processes;
    for my $pid (grep { /^[0-9]+\z/ } readdir $listing) {
        my $stat = eval { readFile("$directory/proc/$pid/stat") } // next;
        my ($name, $rest) = $stat =~ /^\d+ \((.*)\) (.*)/s or next;
        my ($state, undef, undef, $session) = split / /, $rest;
        push @processes, { pid => $pid, name => $name, session => $session } if $session != 0 && $state ne 'Z';
    }
    return @processes;
}

# What is no file: changed mounts, message queues, shared memory and semaphores; and the names of the processes.
sub state {
    opendir(my $queues, "$directory/mqueue");
    my @posix = grep { !/^\./ } readdir $queues;
    my @processes = map { $$_{name} } processes();
    my $ipc = 0;
    for my $kind (qw(msg sem shm)) {
        my @lines = split /\n/, readFile("$directory/proc/sysvipc/$kind");
        $ipc += @lines - 1;
    }
    enter();
    my $changed = readFile('/proc/self/mountinfo') eq $innerMounts ? '' : 'its mounts have changed';
    my %files = unkept();
    for my $path (sort keys %{{ %files, %innerFiles }}) {
        next if $changed || (($files{$path} // '') eq ($innerFiles{$path} // ''));
        $changed = "$path was changed, which lasts no longer than the machine";
    }
    return ($changed, $ipc, scalar @posix, @processes);
}

# What shows in the machine and lies in no layer: /dev but for its mounts, and the files of its network.
sub unkept {
    my %found = map { ("/etc/$_" => readFile("/etc/$_")) } qw(resolv.conf hosts hostname);
    my @todo = map { "/dev/$_" } grep { $_ ne 'pts' && $_ ne 'shm' } names('/dev');
    while (defined(my $path = shift @todo)) {
        my $is = attributes($path) or next;
        $found{$path} = join ' ', @$is{qw(kind mode uid gid rdev)}, $is->{kind} eq 'link' ? readlink $path : $is->{kind} eq 'file' ? $is->{mtime} : '';
        push @todo, map { "$path/$_" } names($path) if $is->{kind} eq 'directory';
    }
    return %found;
}

sub drain {
    my ($output, $most) = @_;
    while ($most > 0) {
        my $count = sysread($output->{handle}, my $bytes, $most < 65536 ? $most : 65536);
        if (!defined $count) { return 1 if $!{EAGAIN}; next if $!{EINTR}; }
        if (!$count) { return 0 }
        reply($output->{id}, 'output', $bytes) if !$output->{muted};
        $most -= $count;
    }
    return 1;
}

sub readable {
    my ($output) = @_;
    if ($output->{kind} eq 'output') {
        return if drain($output, 1 << 18);
        delete $outputs{fileno $output->{handle}};
        return;
    }
    my $count = sysread($output->{handle}, $output->{bytes}, 1 << 20, length $output->{bytes});
    return if !defined $count || $count > 0;
    delete $outputs{fileno $output->{handle}};
    my @fields = unpack('(N/a*)*', $output->{bytes});
    reply($output->{id}, @fields ? @fields : ('error', 'its worker died'));
}

sub reap {
    sysread($deaths, my $ignored, 4096);
    while ((my $pid = waitpid(-1, POSIX::WNOHANG())) > 0) {
        my $status = $?;
        my $child = delete $children{$pid} or next;
        next if $child->{kind} ne 'command';
        my $output = $outputs{$child->{output}};
        delete $terminals{$child->{id}};
        if ($output && $output->{id} eq $child->{id} && $output->{terminal}) {
            # The kernel hands on what was written to a terminal a moment later.
            for (1 .. 5) {
                last if !drain($output, 1 << 18);
                select(undef, undef, undef, 0.01);
            }
            delete $outputs{$child->{output}};
        }
        elsif ($output && $output->{id} eq $child->{id}) {
            # What was written before the end is in the pipe now; what leftover processes write later belongs to nobody.
            my $available = pack('i', 0);
            ioctl($output->{handle}, FIONREAD, $available);
            my $open = drain($output, unpack('i', $available));
            delete $outputs{$child->{output}} if !$open;
            $output->{muted} = !$output->{stays};
        }
        reply($child->{id}, 'exit', $status & 127 ? ('', $status & 127) : ($status >> 8, ''));
    }
}

# Perl runs handlers between two of its operations: one that came just before `select` would be heard when that returns, which may be never.
my $childSignal = POSIX::SigSet->new(POSIX::SIGCHLD());
POSIX::sigprocmask(POSIX::SIG_BLOCK(), $childSignal);
my $signalBits = pack('Q', 1 << (POSIX::SIGCHLD() - 1));
my $signals = call('signalfd4', -1, $signalBits, length $signalBits, (O_NONBLOCK | 02000000) + 0);
die "signalfd: $!\n" if $signals == -1;
open($deaths, '<&=', $signals) or die "signalfd: $!\n";
$SIG{PIPE} = 'IGNORE';
$0 = 'init';
my $booted = eval { boot(); 1 };
if (!$booted) { reply(0, 'failed', $@ =~ s/\n\z//r); POSIX::_exit(1) }
reply(0, 'ready', readlink '/proc/self', fileno $outer);

my $buffer = '';
while (1) {
    my $wanted = '';
    vec($wanted, $_, 1) = 1 for 0, fileno $deaths, keys %outputs;
    my $typed = '';
    vec($typed, fileno $_->{handle}, 1) = 1 for grep { length $_->{typed} } values %terminals;
    my $count = select(my $ready = $wanted, $typed, undef, undef);
    next if $count < 0;
    feed($_) for values %terminals;
    reap() if vec($ready, fileno $deaths, 1);
    for my $descriptor (keys %outputs) {
        readable($outputs{$descriptor}) if vec($ready, $descriptor, 1) && $outputs{$descriptor};
    }
    next if !vec($ready, 0, 1);
    my $size = sysread(STDIN, $buffer, 1 << 20, length $buffer);
    next if !defined $size && $!{EINTR};
    POSIX::_exit(0) if !$size;
    while (length $buffer >= 4) {
        my $length = unpack('N', $buffer);
        last if length($buffer) < 4 + $length;
        my $frame = substr($buffer, 4, $length);
        substr($buffer, 0, 4 + $length) = '';
        request(unpack('(N/a*)*', $frame));
    }
}
