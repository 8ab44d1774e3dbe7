# Goes on for as long as the machine lives: requests, output and deaths.

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
