# Layers, in the outer namespace.

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
