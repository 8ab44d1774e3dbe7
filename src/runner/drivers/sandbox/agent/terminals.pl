# Commands on a terminal.

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
