// System calls for the host. What is done in the guest is decided there, see calls.ts; a process of its own does it, so that the agent never waits.
//
// A batch is a frame whose fields begin with a letter: `c` NAME begins a call, its arguments follow. `i`: a number; `r`: what the call of this number in the
// batch returned; `s`: these bytes; `l`: texts, each with its end, as a list of pointers; `o`: room of this size, all of which is answered; `b`: room of
// which as much is answered as the call says that it filled. Numbers are eight bytes, big endian. A call that fails ends the batch, but for those of a
// name that begins with `?`. The answer is a frame: for each call that was made its result, or the negated errno, then its rooms.
#include "guest.h"
#include <sys/syscall.h>

#define CALL(name) {#name, SYS_##name}
static const struct {
  const char *name;
  long number;
} known[] = {
  CALL(bind), CALL(chdir), CALL(chroot), CALL(clock_settime), CALL(close), CALL(connect), CALL(dup3), CALL(execve),
  CALL(exit_group), CALL(fchdir), CALL(fchmod), CALL(fchmodat), CALL(fchown), CALL(fchownat), CALL(getdents64), CALL(ioctl),
  CALL(lgetxattr), CALL(linkat), CALL(llistxattr), CALL(lsetxattr), CALL(memfd_create), CALL(mkdirat), CALL(mknodat),
  CALL(mount), CALL(move_mount), CALL(open_tree), CALL(openat), CALL(openat2), CALL(pidfd_getfd), CALL(pidfd_open),
  CALL(pread64), CALL(prlimit64), CALL(read), CALL(readlinkat), CALL(recvfrom), CALL(renameat2), CALL(rt_sigaction), CALL(sendfile),
  CALL(sendto), CALL(setgroups), CALL(sethostname), CALL(setns), CALL(setresgid), CALL(setresuid), CALL(setsid),
  CALL(shutdown), CALL(socket), CALL(statx), CALL(symlinkat), CALL(sync), CALL(umask), CALL(umount2), CALL(unlinkat),
  CALL(unshare), CALL(utimensat), CALL(write),
};

enum { most_calls = 4096, most_arguments = 6 };

struct call {
  char name[32];
  long argument[most_arguments];
  int arguments;
  struct room {
    char *at;
    size_t size;
    int whole;    // all of it is answered
  } room[most_arguments];
  int rooms;
};

static long perform(const struct call *call) {
  const char *name = call->name + (call->name[0] == '?');
  const long *a = call->argument;
  for (size_t at = 0; at < sizeof known / sizeof *known; at++) {
    if (strcmp(known[at].name, name) != 0) continue;
    long result = syscall(known[at].number, a[0], a[1], a[2], a[3], a[4], a[5]);
    return result < 0 ? -errno : result;
  }
  return -ENOSYS;
}

static long list_of(char *texts, size_t length) {
  char **list = calloc(length + 1, sizeof *list);
  int count = 0;
  for (char *one = texts; one < texts + length; one += strlen(one) + 1) list[count++] = one;
  return (long)list;
}

static void add_argument(struct call *call, char kind, char *at, size_t length, const long *results) {
  long number = length == 8 ? (long)get64(at) : 0, value = number;
  if (call->arguments == most_arguments) _exit(1);
  if (kind == 's') value = (long)at;
  if (kind == 'r') value = results[number % most_calls];
  if (kind == 'l') value = list_of(at, length);
  if (kind == 'o' || kind == 'b') {
    struct room *room = &call->room[call->rooms++];
    *room = (struct room){calloc(1, number + 1), number, kind == 'o'};
    value = (long)room->at;
  }
  call->argument[call->arguments++] = value;
}

static void perform_batch(char *at, char *end, struct bytes *answer) {
  static long results[most_calls];
  for (int count = 0; at < end && count < most_calls; count++) {
    struct call call = {0};
    for (int first = 1; at + 5 <= end && (first || at[4] != 'c'); first = 0) {
      size_t length = get32(at);
      if (length == 0 || length > (size_t)(end - at - 4)) _exit(1);
      if (first) memcpy(call.name, at + 5, length < sizeof call.name ? length - 1 : 0);
      else add_argument(&call, at[4], at + 5, length - 1, results);
      at += 4 + length;
    }
    long result = results[count] = perform(&call);
    put32(answer, 8);
    put64(answer, result);
    for (int room = 0; room < call.rooms; room++) {
      struct room *filled = &call.room[room];
      size_t size = result < 0 ? 0 : filled->whole || (size_t)result > filled->size ? filled->size : (size_t)result;
      put_field(answer, filled->at, size);
      free(filled->at);
    }
    if (result < 0 && call.name[0] != '?') return;
  }
}

// What a child of the agent's does: batches come on its input, answers go to its output, until it becomes another program.
void perform_calls(void) {
  struct bytes in = {0}, answer = {0};
  int from = fcntl(0, F_DUPFD_CLOEXEC, 100), to = fcntl(1, F_DUPFD_CLOEXEC, 100);
  char buffer[1 << 16], length[4];
  for (;;) {
    while (in.length < 4 || in.length < 4 + (size_t)get32(in.at)) {
      ssize_t count = read(from, buffer, sizeof buffer);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) _exit(0);
      put(&in, buffer, count);
    }
    size_t size = 4 + (size_t)get32(in.at);
    answer.length = 0;
    perform_batch(in.at + 4, in.at + size, &answer);
    drop(&in, size);
    for (int byte = 0; byte < 4; byte++) length[byte] = answer.length >> (24 - 8 * byte);
    if (!write_all(to, length, 4) || !write_all(to, answer.at, answer.length)) _exit(1);
  }
}
