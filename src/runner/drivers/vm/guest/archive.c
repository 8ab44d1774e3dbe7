// tar archives as POSIX.1-2001 (pax) has them, with extended attributes as GNU tar writes them: what goes out of the machine and into it.
#include "guest.h"
#include <search.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

enum { block = 512 };
struct header {
  char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100], magic[6], version[2], user[32],
    group[32], major[8], minor[8], prefix[155], rest[12];
};

// ---- out

static const struct request *asked;
static struct bytes outgoing;
static dev_t device;

static void emit(const void *at, size_t length) {
  put(&outgoing, at, length);
  if (outgoing.length < 1 << 16) return;
  send_data(asked, outgoing.at, outgoing.length);
  outgoing.length = 0;
}

static void pad(uint64_t length) {
  static const char zeros[block];
  emit(zeros, -length % block);
}

// "LENGTH KEY=VALUE\n", where the length counts itself.
static void add_record(struct bytes *records, const char *key, const void *value, size_t length) {
  size_t rest = 1 + strlen(key) + 1 + length + 1, size = rest + 1;
  char digits[24];
  while (snprintf(digits, sizeof digits, "%zu", size) + rest != size) size = strlen(digits) + rest;
  put(records, digits, strlen(digits));
  put(records, " ", 1);
  put(records, key, strlen(key));
  put(records, "=", 1);
  put(records, value, length);
  put(records, "\n", 1);
}

static void add_attributes(struct bytes *records, const char *name) {
  ssize_t length = llistxattr(name, NULL, 0);
  if (length <= 0) return;
  char *names = malloc(length), *value = malloc(1 << 16), key[300];
  length = llistxattr(name, names, length);
  for (char *one = names; length > 0 && one < names + length; one += strlen(one) + 1) {
    ssize_t size = lgetxattr(name, one, value, 1 << 16);
    if (size < 0) continue;
    snprintf(key, sizeof key, "SCHILY.xattr.%s", one);
    add_record(records, key, value, size);
  }
  free(names);
  free(value);
}

static void emit_header(struct header *header, const char *name, const char *link, uint64_t size, char type) {
  header->type = type;
  memcpy(header->name, name, strnlen(name, sizeof header->name));
  memcpy(header->link, link, strnlen(link, sizeof header->link));
  if (size < 1ull << 33) snprintf(header->size, 12, "%011lo", size);
  memcpy(header->magic, "ustar\00000", 8);
  memset(header->sum, ' ', 8);
  unsigned sum = 0;
  for (size_t at = 0; at < block; at++) sum += ((unsigned char *)header)[at];
  snprintf(header->sum, 8, "%06o", sum);
  emit(header, block);
}

// One entry: `name` in the working directory, called `path` in the archive.
static void emit_entry(const char *path, const char *name, const struct stat *is, const char *link, char type) {
  struct bytes records = {0};
  struct header header = {0};
  char text[64];
  uint64_t size = type == '0' ? is->st_size : 0;
  if (strlen(path) > 100) add_record(&records, "path", path, strlen(path));
  if (strlen(link) > 100) add_record(&records, "linkpath", link, strlen(link));
  if (size >= 1ull << 33) add_record(&records, "size", text, snprintf(text, sizeof text, "%lu", size));
  if (is->st_uid >= 1 << 21) add_record(&records, "uid", text, snprintf(text, sizeof text, "%u", is->st_uid));
  if (is->st_gid >= 1 << 21) add_record(&records, "gid", text, snprintf(text, sizeof text, "%u", is->st_gid));
  if (is->st_mtim.tv_nsec || is->st_mtim.tv_sec < 0 || is->st_mtim.tv_sec >= 1ll << 33) {
    // A negative time counts its fraction from the second above.
    long seconds = is->st_mtim.tv_sec, fraction = is->st_mtim.tv_nsec;
    const char *sign = seconds < 0 ? "-" : "";
    if (seconds < 0) seconds = fraction ? -(seconds + 1) : -seconds, fraction = fraction ? 1000000000 - fraction : 0;
    add_record(&records, "mtime", text, snprintf(text, sizeof text, "%s%ld.%09ld", sign, seconds, fraction));
  }
  if (type != '1') add_attributes(&records, name);
  if (records.length > 0) {
    struct header extended = {0};
    emit_header(&extended, "pax", "", records.length, 'x');
    emit(records.at, records.length);
    pad(records.length);
  }
  release(&records);
  snprintf(header.mode, 8, "%07o", is->st_mode & 07777);
  snprintf(header.uid, 8, "%07o", is->st_uid & 07777777);
  snprintf(header.gid, 8, "%07o", is->st_gid & 07777777);
  snprintf(header.mtime, 12, "%011lo", is->st_mtim.tv_sec & ((1l << 33) - 1));
  snprintf(header.major, 8, "%07o", major(is->st_rdev) & 07777777);
  snprintf(header.minor, 8, "%07o", minor(is->st_rdev) & 07777777);
  emit_header(&header, path, link, size, type);
}

struct known {
  ino_t inode;
  char *path;
};

static int by_inode(const void *one, const void *other) {
  ino_t a = ((const struct known *)one)->inode, b = ((const struct known *)other)->inode;
  return a < b ? -1 : a > b;
}

// The path under which the file went out already; null where it is new.
static const char *known_as(const struct stat *is, const char *path) {
  static void *all;
  struct known key = {.inode = is->st_ino};
  struct known **found = tfind(&key, &all, by_inode);
  if (found) return (*found)->path;
  struct known *added = malloc(sizeof *added);
  *added = (struct known){is->st_ino, strdup(path)};
  tsearch(added, &all, by_inode);
  return NULL;
}

static void emit_content(const char *name, uint64_t size) {
  static char buffer[1 << 16];
  int fd = open(name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) fail("%s: %s", name, strerror(errno));
  for (uint64_t left = size; left > 0;) {
    size_t piece = left < sizeof buffer ? left : sizeof buffer;
    ssize_t count = read(fd, buffer, piece);
    if (count < 0) fail("%s: %s", name, strerror(errno));
    // It has become shorter: what is missing is zeros, as tar(1) has it.
    if (count == 0) memset(buffer, 0, count = piece);
    emit(buffer, count);
    left -= count;
  }
  close(fd);
  pad(size);
}

static void emit_tree(int directory, const char *name, const char *path) {
  struct stat is;
  char link[4096] = "";
  if (fchdir(directory) || lstat(name, &is)) fail("%s: %s", path, strerror(errno));
  char type = S_ISDIR(is.st_mode) ? '5' : S_ISREG(is.st_mode) ? '0' : S_ISLNK(is.st_mode) ? '2'
    : S_ISCHR(is.st_mode) ? '3' : S_ISBLK(is.st_mode) ? '4' : S_ISFIFO(is.st_mode) ? '6' : 0;
  if (type == 0 || is.st_dev != device) return;
  const char *first = type != '5' && is.st_nlink > 1 ? known_as(&is, path) : NULL;
  if (type == '2' && readlink(name, link, sizeof link - 1) < 0) fail("%s: %s", path, strerror(errno));
  emit_entry(path, name, &is, first ? first : link, first ? '1' : type);
  if (first) return;
  if (type == '0') emit_content(name, is.st_size);
  if (type != '5') return;
  int inside = open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *listing = inside < 0 ? NULL : fdopendir(inside);
  if (!listing) fail("%s: %s", path, strerror(errno));
  for (struct dirent *entry; (entry = readdir(listing));) {
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    char *below;
    if (asprintf(&below, "%s/%s", path, entry->d_name) < 0) abort();
    emit_tree(inside, entry->d_name, below);
    free(below);
  }
  closedir(listing);
}

void copy_out(const struct request *request) {
  static struct place place;
  struct stat is;
  static const char end[2 * block];
  asked = request;
  enter_machine();
  find(request->field[0].at, &place);
  answer_text(request->id, "kind", "%s", place.kind == 'd' ? "directory" : place.kind == 0 ? "" : "file");
  if (place.kind != 0) {
    char *slash = strrchr(place.path, '/'), *name = place.kind == 'd' ? "." : slash + 1;
    if (place.kind == 'd' ? chdir(place.path) : (*slash = 0, chdir(*place.path ? place.path : "/")))
      fail("%s: %s", place.path, strerror(errno));
    int above = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (above < 0 || lstat(name, &is)) fail("%s: %s", place.path, strerror(errno));
    device = is.st_dev;
    emit_tree(above, name, name);
    emit(end, sizeof end);
    if (outgoing.length > 0) send_data(asked, outgoing.at, outgoing.length);
  }
  answer(request->id, "ok", 0);
}

// ---- in

static struct bytes incoming;
static int more = 1;

static void need(size_t length) {
  while (incoming.length < length) {
    if (!more) fail("the archive ends too early");
    size_t before = incoming.length;
    more = receive_data(&incoming);
    if (incoming.length > before) tell_taken(asked, incoming.length - before);
  }
}

struct member {
  char *path, *link;
  struct bytes attributes;    // pairs: name, its end, length (4), value
  uint64_t size;
  struct timespec times[2];
  uid_t uid;
  gid_t gid;
  mode_t mode;
};

static void take_record(struct member *entry, char *key, char *value, size_t length) {
  value[length] = 0;
  if (!strcmp(key, "path")) entry->path = strdup(value);
  if (!strcmp(key, "linkpath")) entry->link = strdup(value);
  if (!strcmp(key, "size")) entry->size = strtoull(value, NULL, 10);
  if (!strcmp(key, "uid")) entry->uid = strtoul(value, NULL, 10);
  if (!strcmp(key, "gid")) entry->gid = strtoul(value, NULL, 10);
  if (!strcmp(key, "mtime")) {
    char *rest;
    struct timespec *time = &entry->times[1];
    time->tv_sec = strtoll(value, &rest, 10);
    long scale = 100000000;
    if (*rest == '.')
      for (rest++; *rest && scale; rest++, scale /= 10) time->tv_nsec += (*rest - '0') * scale;
    if (*value == '-' && time->tv_nsec) time->tv_sec -= 1, time->tv_nsec = 1000000000 - time->tv_nsec;
  }
  if (strncmp(key, "SCHILY.xattr.", 13) == 0) {
    put(&entry->attributes, key + 13, strlen(key + 13) + 1);
    put32(&entry->attributes, length);
    put(&entry->attributes, value, length);
  }
}

static void take_records(struct member *entry, size_t length) {
  need((length + block - 1) / block * block);
  for (char *at = incoming.at, *end = at + length; at < end;) {
    char *rest, *value;
    size_t size = strtoul(at, &rest, 10);
    if (*rest != ' ' || size == 0 || size > (size_t)(end - at) || !(value = memchr(rest, '=', at + size - rest)))
      fail("the archive has a malformed header");
    *value = 0;
    take_record(entry, rest + 1, value + 1, at + size - 1 - (value + 1));
    at += size;
  }
  drop(&incoming, (length + block - 1) / block * block);
}

// The directory that `path` is in, made where it is missing; `path` becomes the name in it. No link is followed, nothing leads out.
static int open_parent(int root, char **path) {
  int at = dup(root);
  for (;;) {
    while (**path == '/') ++*path;
    char *slash = strchr(*path, '/');
    if (slash && slash[strspn(slash, "/")] == 0) *slash = 0, slash = NULL;
    if (!strcmp(*path, "..") || strncmp(*path, "../", 3) == 0) fail("the archive has a path with ..");
    if (!slash) return at;
    *slash = 0;
    if (strcmp(*path, ".") != 0) {
      int next = openat(at, *path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (next < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) {
        remove_tree(at, *path);
        mkdirat(at, *path, 0755);
        next = openat(at, *path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      }
      if (next < 0) fail("%s: %s", *path, strerror(errno));
      close(at);
      at = next;
    }
    *path = slash + 1;
  }
}

static void take_content(const char *name, uint64_t size) {
  int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) fail("%s: %s", name, strerror(errno));
  for (uint64_t left = size; left > 0;) {
    need(1);
    size_t piece = incoming.length < left ? incoming.length : left;
    if (!write_all(fd, incoming.at, piece)) fail("%s: %s", name, strerror(errno));
    drop(&incoming, piece);
    left -= piece;
  }
  if (close(fd)) fail("%s: %s", name, strerror(errno));
  need(-size % block);
  drop(&incoming, -size % block);
}

// Directories get their times last: what comes into them would change those.
struct later {
  struct later *next;
  int directory;
  char *name;
  struct timespec times[2];
};
static struct later *later;

static void finish_entry(const char *name, struct member *entry, char type) {
  if (lchown(name, entry->uid, entry->gid)) fail("%s: %s", name, strerror(errno));
  if (type != '2' && chmod(name, entry->mode)) fail("%s: %s", name, strerror(errno));
  char *at = entry->attributes.at, *end = at + entry->attributes.length;
  while (at < end) {
    char *value = at + strlen(at) + 5;
    uint32_t length = get32(value - 4);
    if (lsetxattr(name, at, value, length, 0)) fail("%s: %s: %s", name, at, strerror(errno));
    at = value + length;
  }
  if (type != '5') utimensat(AT_FDCWD, name, entry->times, AT_SYMLINK_NOFOLLOW);
}

static void take_entry(int root, struct member *entry, char type, dev_t number) {
  char *name = entry->path, *whole = strdup(name);
  int parent = open_parent(root, &name);
  struct stat is;
  if (!strcmp(name, ".") || *name == 0) {
    close(parent);
    free(whole);
    return;
  }
  if (fchdir(parent)) fail("%s: %s", name, strerror(errno));
  int there = lstat(name, &is) == 0;
  if (there && !(type == '5' && S_ISDIR(is.st_mode))) remove_tree(parent, name), there = 0;
  if (type == '1') {
    char *target = entry->link;
    int from = open_parent(root, &target);
    if (linkat(from, target, parent, name, 0)) fail("%s: %s", name, strerror(errno));
    close(from);
    close(parent);
    free(whole);
    return;
  }
  if (type == '2' && symlink(entry->link, name)) fail("%s: %s", name, strerror(errno));
  if (type == '5' && !there && mkdir(name, 0700)) fail("%s: %s", name, strerror(errno));
  mode_t kind = type == '3' ? S_IFCHR : type == '4' ? S_IFBLK : S_IFIFO;
  if ((type == '3' || type == '4' || type == '6') && mknod(name, kind | 0600, number))
    fail("%s: %s", name, strerror(errno));
  if (type == '0') take_content(name, entry->size);
  finish_entry(name, entry, type);
  if (type == '5') {
    struct later *one = malloc(sizeof *one);
    *one = (struct later){later, dup(root), strdup(whole), {entry->times[0], entry->times[1]}};
    later = one;
  }
  close(parent);
  free(whole);
}

static uint64_t octal(const char *at, size_t length) {
  char text[16] = "";
  if (*at & 0x80) {
    uint64_t number = 0;
    for (size_t byte = 1; byte < length; byte++) number = number << 8 | (unsigned char)at[byte];
    return number;
  }
  memcpy(text, at, length);
  return strtoull(text, NULL, 8);
}

static char *text_of(const char *at, size_t most) { return strndup(at, most); }

void copy_in(const struct request *request) {
  static struct place place;
  asked = request;
  enter_machine();
  find(request->field[0].at, &place);
  if (place.path[1]) make_path(place.path, 0775, 0, 0);
  int root = open(place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) fail("%s: %s", place.path, strerror(errno));
  for (struct member entry = {0};;) {
    need(block);
    struct header header;
    memcpy(&header, incoming.at, block);
    drop(&incoming, block);
    if (header.name[0] == 0 && header.type == 0) break;
    if (memcmp(header.magic, "ustar", 5)) fail("this is no tar archive");
    uint64_t size = octal(header.size, 12);
    char type = header.type == 0 || header.type == '7' ? '0' : header.type;
    if (type == 'x' || type == 'g' || type == 'L' || type == 'K') {
      if (size > 1 << 24) fail("the archive has a header that is too long");
      if (type == 'x') {
        take_records(&entry, size);
        continue;
      }
      need((size + block - 1) / block * block);
      if (type == 'L') entry.path = text_of(incoming.at, size);
      if (type == 'K') entry.link = text_of(incoming.at, size);
      drop(&incoming, (size + block - 1) / block * block);
      continue;
    }
    if (!strchr("0123456", type)) fail("the archive has an entry of an unknown kind");
    if (!entry.path) {
      char *name = text_of(header.name, 100);
      if (header.prefix[0] && memcmp(header.magic, "ustar", 6) == 0) {
        if (asprintf(&entry.path, "%.155s/%s", header.prefix, name) < 0) abort();
        free(name);
      } else {
        entry.path = name;
      }
    }
    if (!entry.link) entry.link = text_of(header.link, 100);
    if (!entry.size) entry.size = size;
    if (!entry.uid) entry.uid = octal(header.uid, 8);
    if (!entry.gid) entry.gid = octal(header.gid, 8);
    entry.mode = octal(header.mode, 8) & 07777;
    if (!entry.times[1].tv_sec && !entry.times[1].tv_nsec) entry.times[1].tv_sec = octal(header.mtime, 12);
    entry.times[0] = entry.times[1];
    take_entry(root, &entry, type, makedev(octal(header.major, 8), octal(header.minor, 8)));
    free(entry.path);
    free(entry.link);
    release(&entry.attributes);
    entry = (struct member){0};
  }
  while (more) {
    incoming.length = 0;
    more = receive_data(&incoming);
    if (incoming.length > 0) tell_taken(asked, incoming.length);
  }
  for (; later; later = later->next) {
    char *name = later->name;
    int parent = open_parent(later->directory, &name);
    utimensat(parent, name, later->times, AT_SYMLINK_NOFOLLOW);
    close(parent);
    close(later->directory);
  }
  answer(request->id, "ok", 0);
}
