// Views over the machine's files. Each destination has one overlay mount: [view, what was written before, earlier views, what was there at first],
// flattened, so that overlays never stand on overlays. Its state is a directory below /run/views of the agent's own root.
#include "guest.h"
#include <sys/syscall.h>
#include <sys/xattr.h>

enum { clone_tree = 1, close_on_exec = 02000000, from_descriptor = 4 };    // open_tree(2), move_mount(2)
static const char *const states = "/run/views";

struct view_mount {
  char destination[4096];
  char directory[64];      // of its state
  struct bytes layers;     // paths, each with its end, from the top down; the first is what it writes to
};
static struct view_mount mounts[256];
static int count;

static void leave_machine(void) {
  if (setns(own_mounts, CLONE_NEWNS)) fail("namespaces: %s", strerror(errno));
}

// Whether `path` lies below `above`, or is it.
static int within(const char *path, const char *above) {
  size_t length = strlen(above);
  return strncmp(path, above, length) == 0 && (path[length] == '/' || path[length] == 0);
}

static void load_mounts(void) {
  mkdir(states, 0700);
  DIR *listing = opendir(states);
  for (struct dirent *entry; listing && (entry = readdir(listing));) {
    struct view_mount *mount = &mounts[count];
    struct bytes text = {0};
    char file[128];
    snprintf(mount->directory, sizeof mount->directory, "%s/%.40s", states, entry->d_name);
    snprintf(file, sizeof file, "%s/layers", mount->directory);
    if (!read_file(AT_FDCWD, file, &text)) continue;
    if (count == 255) fail("there are views over too many directories");
    snprintf(mount->destination, sizeof mount->destination, "%s", text.at);
    put(&mount->layers, text.at + strlen(text.at) + 1, text.length - strlen(text.at) - 1);
    count++;
    release(&text);
  }
  if (listing) closedir(listing);
}

static void add_layer(struct bytes *layers, const char *path) { put(layers, path, strlen(path) + 1); }

// Adds what the layers of a mount show at `rest` below it, as overlayfs would put it together.
static void add_parts(struct bytes *layers, const struct view_mount *above, const char *rest) {
  const char *end = above->layers.at + above->layers.length;
  for (const char *layer = above->layers.at; layer < end; layer += strlen(layer) + 1) {
    char path[9000], mark[2];
    size_t length = strlen(layer);
    int there = 1, last = 0;
    snprintf(path, sizeof path, "%s%s", layer, rest);
    for (char *at = path + length; there; at++) {
      if (*at != '/' && *at != 0) continue;
      char kept = *at;
      struct stat is;
      *at = 0;
      there = lstat(path, &is) == 0;
      if (there && !S_ISDIR(is.st_mode)) return;
      if (there && lgetxattr(path, "trusted.overlay.opaque", mark, 1) == 1 && mark[0] == 'y') last = 1;
      *at = kept;
      if (kept == 0) break;
    }
    if (there) add_layer(layers, path);
    if (last) return;
  }
}

// Makes a mount of `layers` under something new to write to, and puts it at `destination` in the machine.
static void put_mount(const char *destination, const struct bytes *layers) {
  char state[64], upper[64], work[64], options[4090], path[128];
  int number = 0;
  do snprintf(state, sizeof state, "%s/%d", states, ++number);
  while (mkdir(state, 0700));
  snprintf(path, sizeof path, "/disk/layers/%d", number);
  snprintf(upper, sizeof upper, "/disk/layers/%d/upper", number);
  snprintf(work, sizeof work, "/disk/layers/%d/work", number);
  struct stat is;
  if (mkdir(path, 0700) || mkdir(upper, 0700) || mkdir(work, 0700) || stat(layers->at, &is) ||
      chown(upper, is.st_uid, is.st_gid) || chmod(upper, is.st_mode & 07777))
    fail("%s: %s", upper, strerror(errno));
  size_t length = snprintf(options, sizeof options,
    "upperdir=%s,workdir=%s,volatile,metacopy=off,redirect_dir=off,index=off,nfs_export=off,xino=off,lowerdir=", upper, work);
  for (const char *layer = layers->at; layer < layers->at + layers->length; layer += strlen(layer) + 1) {
    int fd = open(layer, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) fail("%s: %s", layer, strerror(errno));
    if (length + 12 > sizeof options) fail("there are too many views over %s", destination);
    length += sprintf(options + length, layer == layers->at ? "%d" : ":%d", fd);
  }
  mkdir("/run/merged", 0700);
  if (chdir("/proc/self/fd") || mount("overlay", "/run/merged", "overlay", MS_NODEV, options) || chdir("/"))
    fail("the view over %s cannot be mounted: %s", destination, strerror(errno));
  int merged = syscall(SYS_open_tree, AT_FDCWD, "/run/merged", clone_tree | close_on_exec);
  umount2("/run/merged", MNT_DETACH);
  enter_machine();
  if (merged < 0 || syscall(SYS_move_mount, merged, "", AT_FDCWD, destination, from_descriptor))
    fail("the view over %s cannot be mounted: %s", destination, strerror(errno));
  leave_machine();
  close(merged);
  struct bytes text = {0};
  add_layer(&text, destination);
  add_layer(&text, upper);
  put(&text, layers->at, layers->length);
  snprintf(path, sizeof path, "%s/layers", state);
  int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0 || !write_all(file, text.at, text.length)) fail("%s: %s", path, strerror(errno));
  close(file);
  release(&text);
}

static void take_off(struct view_mount *mount) {
  char file[128];
  enter_machine();
  if (umount2(mount->destination, MNT_DETACH)) fail("%s: %s", mount->destination, strerror(errno));
  leave_machine();
  snprintf(file, sizeof file, "%s/layers", mount->directory);
  unlink(file);
}

// What lies at a place of the machine before any view does, bound where it stays in sight.
static void add_original(struct bytes *layers, const char *destination) {
  static int number;
  char path[64];
  enter_machine();
  int tree = syscall(SYS_open_tree, AT_FDCWD, destination, clone_tree | close_on_exec);
  leave_machine();
  mkdir("/run/originals", 0700);
  do snprintf(path, sizeof path, "/run/originals/%d", ++number);
  while (mkdir(path, 0700));
  if (tree < 0 || syscall(SYS_move_mount, tree, "", AT_FDCWD, path, from_descriptor))
    fail("%s: %s", destination, strerror(errno));
  close(tree);
  add_layer(layers, path);
}

// ---- whether a place can be mounted over

struct search {
  const char *destination;
  int found;
};

static void look_at_process(const char *pid, void *with) {
  struct search *search = with;
  char path[400], target[4096];
  for (int which = 0; which < 2; which++) {
    snprintf(path, sizeof path, "/proc/%s/%s", pid, which ? "root" : "cwd");
    ssize_t length = readlink(path, target, sizeof target - 1);
    if (length > 0) target[length] = 0, search->found |= within(target, search->destination);
  }
  snprintf(path, sizeof path, "/proc/%s/fd", pid);
  DIR *listing = opendir(path);
  for (struct dirent *entry; listing && (entry = readdir(listing));) {
    snprintf(path, sizeof path, "/proc/%s/fd/%s", pid, entry->d_name);
    ssize_t length = readlink(path, target, sizeof target - 1);
    if (length > 0) target[length] = 0, search->found |= within(target, search->destination);
  }
  if (listing) closedir(listing);
}

// Mounts that are no views: an overlay above them would hide them.
static int holds_mounts(const char *destination) {
  struct bytes text = {0};
  char file[64];
  int found = 0;
  snprintf(file, sizeof file, "/proc/%d/mountinfo", machine_init);
  read_file(AT_FDCWD, file, &text);
  put(&text, "", 1);
  for (char *rest, *line = strtok_r(text.at, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
    char point[4096];
    if (sscanf(line, "%*s %*s %*s %*s %4095s", point) != 1) continue;
    char *to = point;
    for (const char *from = point; *from; from++) {
      unsigned byte = (unsigned char)*from;
      if (*from == '\\' && sscanf(from + 1, "%3o", &byte) == 1) from += 3;
      *to++ = byte;
    }
    *to = 0;
    if (!within(point, destination) || strcmp(point, destination) == 0) continue;
    int known = 0;
    for (int at = 0; at < count; at++) known |= strcmp(mounts[at].destination, point) == 0;
    found |= !known;
  }
  release(&text);
  return found;
}

// ---- copying, where it cannot

static void copy_file(int from, int to, const char *name, const struct stat *is) {
  static char buffer[1 << 17];
  int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  ssize_t size = -1;
  while (in >= 0 && out >= 0 && (size = read(in, buffer, sizeof buffer)) > 0)
    if (!write_all(out, buffer, size)) fail("%s: %s", name, strerror(errno));
  struct timespec times[2] = {is->st_atim, is->st_mtim};
  if (size < 0 || fchown(out, is->st_uid, is->st_gid) || fchmod(out, is->st_mode & 07777) || futimens(out, times))
    fail("%s: %s", name, strerror(errno));
  close(in);
  close(out);
}

static void copy_tree(int from, int to) {
  DIR *listing = fdopendir(dup(from));
  if (!listing) fail("a view cannot be read: %s", strerror(errno));
  for (struct dirent *entry; (entry = readdir(listing));) {
    const char *name = entry->d_name;
    struct stat is, old;
    if (!strcmp(name, ".") || !strcmp(name, "..")) continue;
    if (fstatat(from, name, &is, AT_SYMLINK_NOFOLLOW)) fail("%s: %s", name, strerror(errno));
    int there = fstatat(to, name, &old, AT_SYMLINK_NOFOLLOW) == 0;
    if (there && !(S_ISDIR(is.st_mode) && S_ISDIR(old.st_mode))) remove_tree(to, name), there = 0;
    if (S_ISDIR(is.st_mode)) {
      if (!there && mkdirat(to, name, 0700)) fail("%s: %s", name, strerror(errno));
      int below = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      int target = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (below < 0 || target < 0) fail("%s: %s", name, strerror(errno));
      copy_tree(below, target);
      if (fchown(target, is.st_uid, is.st_gid) || fchmod(target, is.st_mode & 07777)) fail("%s: %s", name, strerror(errno));
      close(below);
      close(target);
    } else if (S_ISLNK(is.st_mode)) {
      char link[4096] = "";
      if (readlinkat(from, name, link, sizeof link - 1) < 0 || symlinkat(link, to, name)) fail("%s: %s", name, strerror(errno));
    } else {
      copy_file(from, to, name, &is);
    }
  }
  closedir(listing);
}

static void copy_view(const char *view) {
  int from = open(view, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (from < 0) fail("%s: %s", view, strerror(errno));
  enter_machine();
  copy_tree(from, open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  leave_machine();
}

// fields: ordinal, destination
void add_view(const struct request *request) {
  char view[64], at[5000], *destination = request->field[1].at;
  struct stat is;
  snprintf(view, sizeof view, "/views/%ld", number(request, 0));
  if (strlen(destination) >= sizeof mounts[0].destination) fail("a path is too long");
  snprintf(at, sizeof at, "%s%.4095s", view, destination);
  load_mounts();
  struct search search = {destination, 0};
  processes_of("/sys/fs/cgroup/layer", look_at_process, &search);
  if (lstat(view, &is)) fail("the view is not there: %s", strerror(errno));
  int directory = lstat(at, &is) == 0 && S_ISDIR(is.st_mode);
  if (!directory || strcmp(destination, "/") == 0 || search.found || holds_mounts(destination)) {
    copy_view(view);
    answer(request->id, "ok", 1, "copied", -1L);
    return;
  }
  enter_machine();
  if (lstat(destination, &is) == 0 && !S_ISDIR(is.st_mode)) remove_tree(AT_FDCWD, destination);
  make_path(destination, 0775, 0, 0);
  leave_machine();
  struct bytes layers = {0};
  struct view_mount *above = NULL, *same = NULL;
  for (int which = 0; which < count; which++) {
    if (strcmp(mounts[which].destination, destination) == 0) same = &mounts[which];
    else if (within(destination, mounts[which].destination) &&
             (!above || strlen(mounts[which].destination) > strlen(above->destination)))
      above = &mounts[which];
  }
  for (int which = 0; which < count; which++)
    if (within(mounts[which].destination, destination)) take_off(&mounts[which]);
  add_layer(&layers, at);
  if (same) put(&layers, same->layers.at, same->layers.length);
  else if (above) add_parts(&layers, above, destination + strlen(above->destination));
  else add_original(&layers, destination);
  put_mount(destination, &layers);
  // What lay below comes back over it, the outer before the inner, with what the view has there on top.
  for (size_t length = strlen(destination) + 1; length < sizeof mounts[0].destination; length++)
    for (int which = 0; which < count; which++) {
      struct view_mount *inner = &mounts[which];
      if (inner == same || !within(inner->destination, destination) || strlen(inner->destination) != length) continue;
      layers.length = 0;
      snprintf(at, sizeof at, "%s%.4095s", view, inner->destination);
      int there = lstat(at, &is) == 0;
      if (there && !S_ISDIR(is.st_mode)) continue;
      if (there) add_layer(&layers, at);
      put(&layers, inner->layers.at, inner->layers.length);
      put_mount(inner->destination, &layers);
    }
  answer(request->id, "ok", 1, "mounted", -1L);
}
