# The init of a sandbox machine: process 1 of its namespaces, started by `unshare`, told what to do on standard input.
#
# It lives in the machine's outer mount namespace, where the host's files are still in sight (so that layers and views can be mounted),
# and makes the inner one, whose root is the overlay: only commands enter that. Perl, because every Debian and Ubuntu has it and it can
# make system calls itself: what enters the machine must not need a program of the machine, nor leave one of the host in it.
#
# Frames, both ways: length (u32, big endian), then fields, each a length (u32) and bytes. Field 0 is the request's id, field 1 what it is.
# The end of standard input is the end of the machine: the kernel kills every process of its PID namespace with this one.
#
# One program, in the files beside this one: agent.ts puts them together, this one first.
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
