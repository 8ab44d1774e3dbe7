// System calls for the host, which decides what is done in the guest: see calls.ts. Processes of their own do them: the
// agent never waits.
//
// A batch is a frame whose fields begin with a letter: `c` NAME begins a call, its arguments follow. `i`: a number;
// `r`: what the call of this number in the batch returned; `s`: these bytes; `l`: texts, each with its end, as a list of
// pointers; `o`: room of this size, all of which is answered; `b`: room of which as much is answered as the call says
// that it filled. A call that fails ends the batch, unless its name begins with `?`. The answer is a frame, too: of
// each call that was made its result, or the negated errno, and its rooms. Numbers are eight bytes, big endian.
#include "guest.h"
#include <sys/syscall.h>

#define CALL(name) {#name, SYS_##name}
static const struct {
  const char *name;
  long number;
} known[] = {
  CALL(bind), CALL(chdir), CALL(chroot), CALL(clock_settime), CALL(close), CALL(connect), CALL(dup3), CALL(execve),
  CALL(exit_group), CALL(fchdir), CALL(fchmod), CALL(fchmodat), CALL(fchown), CALL(fchownat), CALL(getdents64),
  CALL(ioctl), CALL(lgetxattr), CALL(linkat), CALL(llistxattr), CALL(lsetxattr), CALL(memfd_create), CALL(mkdirat),
  CALL(mknodat), CALL(mount), CALL(move_mount), CALL(open_tree), CALL(openat), CALL(openat2), CALL(pidfd_getfd),
  CALL(pidfd_open), CALL(pread64), CALL(prlimit64), CALL(read), CALL(readlinkat), CALL(recvfrom), CALL(renameat2),
  CALL(rt_sigaction), CALL(sendfile), CALL(sendto), CALL(setgroups), CALL(sethostname), CALL(setns), CALL(setresgid),
  CALL(setresuid), CALL(setsid), CALL(shutdown), CALL(socket), CALL(statx), CALL(symlinkat), CALL(sync), CALL(umask),
  CALL(umount2), CALL(unlinkat), CALL(unshare), CALL(utimensat), CALL(write),
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
  if (strcmp(name, "carry_views") == 0) return carry_views(a[0], a[1], a[2]);
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
  long number = length == 8 ? (long)number_at(at, 8) : 0, value = number;
  if (call->arguments == most_arguments) _exit(1);
  if (kind == 's') value = (long)at;
  if (kind == 'r') value = results[(unsigned long)number % most_calls];
  if (kind == 'l') value = list_of(at, length);
  if (kind == 'o' || kind == 'b') {
    struct room *room = &call->room[call->rooms++];
    *room = (struct room){malloc(number + 1), number, kind == 'o'};
    value = (long)room->at;
  }
  call->argument[call->arguments++] = value;
}

static void perform_batch(char *at, char *end, struct bytes *answer) {
  static long results[most_calls];
  for (int count = 0; at < end && count < most_calls; count++) {
    struct call call = {0};
    for (int first = 1; at + 5 <= end && (first || at[4] != 'c'); first = 0) {
      size_t length = number_at(at, 4);
      if (length == 0 || length > (size_t)(end - at - 4)) _exit(1);
      if (first) memcpy(call.name, at + 5, length < sizeof call.name ? length - 1 : 0);
      else add_argument(&call, at[4], at + 5, length - 1, results);
      at += 4 + length;
    }
    long result = results[count] = perform(&call);
    put_number(answer, 8, 4);
    put_number(answer, result, 8);
    for (int room = 0; room < call.rooms; room++) {
      struct room *filled = &call.room[room];
      size_t size = result < 0 ? 0 : filled->whole || (size_t)result > filled->size ? filled->size : (size_t)result;
      put_number(answer, size, 4);
      put(answer, filled->at, size);
      free(filled->at);
    }
    if (result < 0 && call.name[0] != '?') return;
  }
}

// What a child does: batches come on its input, answers go to its output, until it becomes another program.
void perform_calls(void) {
  struct bytes in = {0}, answer = {0};
  int from = fcntl(0, F_DUPFD_CLOEXEC, 100), to = fcntl(1, F_DUPFD_CLOEXEC, 100);
  for (size_t size;; drop(&in, size)) {
    while ((size = whole_frame(&in)) == 0) {
      char buffer[1 << 16];
      ssize_t count = read(from, buffer, sizeof buffer);
      if (count <= 0) _exit(0);
      put(&in, buffer, count);
    }
    put_number(&answer, 0, 4);
    perform_batch(in.at + 4, in.at + size, &answer);
    for (int byte = 0; byte < 4; byte++) answer.at[byte] = (answer.length - 4) >> (24 - 8 * byte);
    for (ssize_t count; answer.length > 0; drop(&answer, count))
      if ((count = write(to, answer.at, answer.length)) < 0) _exit(1);
  }
}
