"""Carries out a list of file operations below the working directory and prints what each let it see: program.py OPERATIONS.json"""
import errno, json, mmap, os, stat, sys

CONSTANT_TIMES_END = 1_750_000_000  # Later times are those of files that this program has changed.


def described(st):
    kind = stat.S_IFMT(st.st_mode)
    size = 0 if kind == stat.S_IFDIR else st.st_size
    mtime = st.st_mtime_ns if st.st_mtime < CONSTANT_TIMES_END else "now"
    return [oct(st.st_mode), st.st_uid, st.st_gid, size, mtime]


def whole(path, flags=0):
    fd = os.open(path, os.O_RDONLY | flags)
    try:
        return os.read(fd, 1 << 16).decode()
    finally:
        os.close(fd)


def put(path, flags, text):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | flags, 0o644)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def end(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        return os.lseek(fd, 0, os.SEEK_END)
    finally:
        os.close(fd)


def mapped(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        with mmap.mmap(fd, 0, prot=mmap.PROT_READ) as content:
            return content[:].decode()
    finally:
        os.close(fd)


def sent(path, other):
    source = os.open(path, os.O_RDONLY)
    target = os.open(other, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        return os.sendfile(target, source, 0, 1 << 16)
    finally:
        os.close(source)
        os.close(target)


operations = {
    "read": lambda p, q: whole(p),
    "read-nofollow": lambda p, q: whole(p, os.O_NOFOLLOW),
    "map": lambda p, q: mapped(p),
    "end": lambda p, q: end(p),
    "stat": lambda p, q: described(os.stat(p)),
    "lstat": lambda p, q: described(os.lstat(p)),
    "access": lambda p, q: os.access(p, os.F_OK),
    "list": lambda p, q: sorted(os.listdir(p)),
    "scan": lambda p, q: sorted([e.name, e.is_dir(follow_symlinks=False), e.is_symlink()] for e in os.scandir(p)),
    "walk": lambda p, q: sorted([d, sorted(ds), sorted(fs)] for d, ds, fs in os.walk(p)),
    "readlink": lambda p, q: os.readlink(p),
    "write": lambda p, q: put(p, os.O_TRUNC, "new"),
    "create": lambda p, q: put(p, os.O_EXCL, "new"),
    "append": lambda p, q: put(p, os.O_APPEND, "more"),
    "truncate": lambda p, q: os.truncate(p, 1),
    "chmod": lambda p, q: os.chmod(p, 0o600),
    "unlink": lambda p, q: os.unlink(p),
    "mkdir": lambda p, q: os.mkdir(p),
    "rmdir": lambda p, q: os.rmdir(p),
    "rename": lambda p, q: os.rename(p, q),
    "link": lambda p, q: os.link(p, q),
    "symlink": lambda p, q: os.symlink(p, q),
    "sendfile": lambda p, q: sent(p, q),
}

for name, path, other in json.load(open(sys.argv[1])):
    try:
        seen = operations[name](path, other)
    except OSError as error:
        seen = errno.errorcode[error.errno]
    except ValueError as error:
        seen = str(error)
    print(json.dumps([name, path, seen]))
