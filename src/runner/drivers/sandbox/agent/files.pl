# Files of the machine, where its root is the process's own.

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
        # Where links lead in a circle by now, no directory is.
        my ($resolved, $kind) = eval { resolve($path) };
        next if !defined $kind;
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
