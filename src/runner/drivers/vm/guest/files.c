// The machine's files. Each of these runs in a worker whose root is the machine's: no link leads out of it.
#include "guest.h"

static int add_ancestor(struct place *place, const struct stat *is) {
  if (place->ancestors == (int)(sizeof place->above / sizeof *place->above)) return 0;
  place->above[place->ancestors++] = *is;
  return 1;
}

// Follows every link; what does not exist is taken as it is written.
void find(const char *path, struct place *place) {
  char todo[4 * sizeof place->path], target[sizeof place->path];
  int depth = 0, links = 0;
  struct stat is;
  *place = (struct place){.kind = 'd'};
  if (lstat("/", &is)) fail("/: %s", strerror(errno));
  add_ancestor(place, &is);
  if (strlen(path) >= sizeof place->path) fail("a path is too long");
  strcpy(todo, path);
  for (char *at = todo;;) {
    while (*at == '/') at++;
    if (*at == 0) break;
    size_t length = strcspn(at, "/"), end = strlen(place->path);
    char *name = at, *rest = at + length;
    at = rest;
    if (length == 1 && name[0] == '.') continue;
    if (length == 2 && name[0] == '.' && name[1] == '.') {
      char *slash = strrchr(place->path, '/');
      if (slash) *slash = 0, depth--;
      if (place->ancestors > depth + 1) place->ancestors = depth + 1;
      place->kind = place->ancestors == depth + 1 ? 'd' : 0;
      continue;
    }
    if (end + length + 2 > sizeof place->path) fail("a path is too long");
    snprintf(place->path + end, sizeof place->path - end, "/%.*s", (int)length, name);
    // Below what is missing, or is no directory, nothing is.
    int reached = place->ancestors == depth + 1 && lstat(place->path, &is) == 0;
    if (reached && S_ISLNK(is.st_mode)) {
      ssize_t size = readlink(place->path, target, sizeof target - 1);
      if (size < 0) fail("%s: %s", place->path, strerror(errno));
      target[size] = 0;
      if (++links > 40) fail("%s: too many levels of symbolic links", path);
      if (size + strlen(rest) + 2 > sizeof todo) fail("a path is too long");
      place->path[end] = 0;
      memmove(todo + size + 1, rest, strlen(rest) + 1);
      memcpy(todo, target, size);
      todo[size] = '/';
      at = todo;
      if (target[0] == '/') {
        place->path[0] = 0;
        place->ancestors = 1;
        place->kind = 'd';
        depth = 0;
      }
      continue;
    }
    depth++;
    place->kind = !reached ? 0 : S_ISDIR(is.st_mode) ? 'd' : S_ISREG(is.st_mode) ? 'f' : 'o';
    if (place->kind == 'd' && !add_ancestor(place, &is)) fail("%s: too many directories", path);
  }
  if (place->path[0] == 0) strcpy(place->path, "/");
}

static const char *kind_name(char kind) {
  return kind == 'd' ? "directory" : kind == 'f' ? "file" : kind == 'o' ? "other" : "";
}

void resolve(const struct request *request) {
  static struct place place;
  struct bytes fields = {0};
  enter_machine();
  find(request->field[0].at, &place);
  put_field(&fields, place.path, -1);
  put_field(&fields, kind_name(place.kind), -1);
  for (int at = 0; at < place.ancestors; at++) {
    const struct stat *is = &place.above[at];
    unsigned numbers[3] = {is->st_mode & 07777, is->st_uid, is->st_gid};
    for (int which = 0; which < 3; which++) {
      char text[16];
      snprintf(text, sizeof text, "%u", numbers[which]);
      put_field(&fields, text, -1);
    }
  }
  answer_bytes(request->id, "ok", &fields);
}

void read_whole(const struct request *request) {
  static struct place place;
  struct bytes content = {0};
  enter_machine();
  find(request->field[0].at, &place);
  if (!read_file(AT_FDCWD, place.path, &content)) fail("%s: %s", place.path, strerror(errno));
  answer(request->id, "ok", 1, content.at, (long)content.length);
}

void replace_file(const struct request *request) {
  static struct place place;
  char staged[sizeof place.path + 32];
  enter_machine();
  find(request->field[0].at, &place);
  snprintf(staged, sizeof staged, "%s.layer-%d", place.path, getpid());
  unlink(staged);
  int fd = open(staged, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  if (fd < 0 || !write_all(fd, request->field[1].at, request->field[1].length) ||
      fchown(fd, number(request, 3), number(request, 4)) || fchmod(fd, number(request, 2)) || close(fd) ||
      rename(staged, place.path)) {
    int problem = errno;
    unlink(staged);
    fail("%s: %s", place.path, strerror(problem));
  }
  answer(request->id, "ok", 0);
}

void make_path(char *path, mode_t mode, uid_t uid, gid_t gid) {
  for (char *at = path + 1;; at++) {
    if (*at != '/' && *at != 0) continue;
    char end = *at;
    *at = 0;
    struct stat is;
    if (mkdir(path, 0700) == 0) {
      if (chown(path, uid, gid) || chmod(path, mode)) fail("%s: %s", path, strerror(errno));
    } else if (stat(path, &is) || !S_ISDIR(is.st_mode)) {
      fail("%s: %s", path, strerror(errno == EEXIST ? ENOTDIR : errno));
    }
    *at = end;
    if (end == 0) return;
  }
}

void make_directories(const struct request *request) {
  static struct place place;
  enter_machine();
  find(request->field[0].at, &place);
  if (place.path[1]) make_path(place.path, number(request, 1), number(request, 2), number(request, 3));
  answer(request->id, "ok", 1, place.path, -1L);
}

void remove_tree(int directory, const char *name) {
  if (unlinkat(directory, name, 0) == 0 || errno == ENOENT) return;
  int inside = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *listing = inside < 0 ? NULL : fdopendir(inside);
  for (struct dirent *entry; listing && (entry = readdir(listing));) {
    if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) remove_tree(inside, entry->d_name);
  }
  if (listing) closedir(listing);
  if (unlinkat(directory, name, AT_REMOVEDIR)) fail("%s: %s", name, strerror(errno));
}
