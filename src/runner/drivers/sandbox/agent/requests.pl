# What is asked for on standard input; what works inside the machine's root does so in a process of its own.

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
