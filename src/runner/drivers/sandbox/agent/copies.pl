# Copies of files and directories, out of the machine and into it.

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
