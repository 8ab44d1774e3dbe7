// The kernel's modules, by an index that the host has made: lines of a pattern and of files in the order in which to load them.
#include "guest.h"
#include <fnmatch.h>
#include <sys/syscall.h>

static int load(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  int done = fd >= 0 && (syscall(SYS_finit_module, fd, "", 0) == 0 || errno == EEXIST);
  close(fd);
  return done;
}

// 0 where something of this name was loaded, or had been; 1 where nothing was.
int load_modules(const char *name) {
  struct bytes index = {0};
  int result = 1;
  char buffer[1 << 16];
  int fd = open("/modules.index", O_RDONLY | O_CLOEXEC);
  for (ssize_t count; (count = read(fd, buffer, sizeof buffer)) > 0;) put(&index, buffer, count);
  close(fd);
  put(&index, "", 1);
  for (char *lines, *line = strtok_r(index.at, "\n", &lines); line; line = strtok_r(NULL, "\n", &lines)) {
    char *words, *pattern = strtok_r(line, " ", &words);
    if (!pattern || fnmatch(pattern, name, 0)) continue;
    for (char *path; (path = strtok_r(NULL, " ", &words));) result = !load(path);
  }
  release(&index);
  return result;
}
