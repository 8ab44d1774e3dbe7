# Commands in the machine, and what they may do there.

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
