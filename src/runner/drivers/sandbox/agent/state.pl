# What of the machine is no file.

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
