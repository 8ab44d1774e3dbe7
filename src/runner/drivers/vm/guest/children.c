// The agent's children: each does calls for the host, and may become a program by one. What it writes goes to the host.
#include "guest.h"
#include <sys/ioctl.h>
#include <sys/syscall.h>

enum { piece = 1 << 16, pipe_size = 1 << 18 };

struct child {
  struct source output, input;
  struct bytes pending;    // for its input
  struct child *next;
  uint32_t number;
  int pid, ended;
  char kind;    // `v`: without it there is no machine; `s`: others may write to its output after its end
};
static struct child *children;

// By the host's number or the kernel's.
static struct child *find_child(uint32_t number, int pid) {
  struct child *child = children;
  while (child && ((child->number != number && child->pid != pid) || child->ended)) child = child->next;
  return child;
}

static void close_source(struct source *source) {
  if (source->fd < 0) return;
  unwatch(source);
  close(source->fd);
  source->fd = -1;
}

static void forget_if_over(struct child *child) {
  if (!child->ended || child->output.fd >= 0) return;
  struct child **at = &children;
  while (*at != child) at = &(*at)->next;
  *at = child->next;
  free(child->pending.at - child->pending.taken);
  free(child);
}

// Passes on what is there, up to `most`.
static void pass_on(struct child *child, size_t most) {
  static char buffer[piece];
  while (most > 0) {
    ssize_t count = read(child->output.fd, buffer, most < piece ? most : piece);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) return close_source(&child->output);
    if (!child->ended || child->kind == 's') tell(child->number, 'o', buffer, count);
    most -= count;
  }
}

static void output_ready(struct source *source) {
  struct child *child = (struct child *)source;
  pass_on(child, pipe_size);
  forget_if_over(child);
}

static void input_ready(struct source *source) {
  struct child *child = (struct child *)((char *)source - offsetof(struct child, input));
  ssize_t count = write(source->fd, child->pending.at, child->pending.length);
  if (count < 0 && errno != EAGAIN) child->pending.length = 0;
  if (count > 0) drop(&child->pending, count);
  source->wants = child->pending.length > 0 ? POLLOUT : 0;
}

// `space`: a file that stands for its process identifiers; `new`; or nothing: the agent's. -1 where that cannot be.
static int fork_into(const char *space) {
  int fd = strchr(space, '/') ? open(space, O_RDONLY | O_CLOEXEC) : -1;
  int failed = fd >= 0 ? setns(fd, CLONE_NEWPID) : *space ? strcmp(space, "new") || unshare(CLONE_NEWPID) : 0;
  int pid = failed ? -1 : fork(), problem = errno;
  if (fd >= 0) close(fd);
  if (pid != 0 && *space) setns(own_pids, CLONE_NEWPID);
  errno = problem;
  return pid;
}

void spawn(uint32_t number, char kind, const char *space) {
  int in[2], out[2];
  if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC)) abort();
  int pid = fork_into(space), problem = errno;
  if (pid == 0) {
    sigprocmask(SIG_SETMASK, &(sigset_t){0}, NULL);
    signal(SIGPIPE, SIG_DFL);
    dup2(in[0], 0);
    dup2(out[1], 1);
    syscall(SYS_close_range, 3, ~0u, 0);
    forget_sources();
    perform_calls();
  }
  close(in[0]);
  close(out[1]);
  if (pid < 0) {
    close(in[1]);
    close(out[0]);
    return tell_number(number, 'f', problem);
  }
  fcntl(in[1], F_SETFL, O_NONBLOCK);
  fcntl(out[0], F_SETFL, O_NONBLOCK);
  fcntl(out[0], F_SETPIPE_SZ, pipe_size);
  struct child *child = calloc(1, sizeof *child);
  *child = (struct child){.number = number, .pid = pid, .kind = kind, .next = children};
  child->output = (struct source){.fd = out[0], .wants = POLLIN, .sends = 1, .ready = output_ready};
  child->input = (struct source){.fd = in[1], .ready = input_ready};
  children = child;
  watch(&child->output);
  watch(&child->input);
  tell_number(number, 's', pid);
}

void feed_child(uint32_t number, const char *at, size_t length) {
  struct child *child = find_child(number, -1);
  if (!child) return;
  put(&child->pending, at, length);
  input_ready(&child->input);
}

void kill_child(uint32_t number) {
  struct child *child = find_child(number, -1);
  if (child) kill(child->pid, SIGKILL);
}

// Says how it ended, after all that it wrote before.
void child_ended(int pid, int status) {
  struct child *child = find_child(0, pid);
  if (!child) return;
  // Then reads of views that are not served must not look like answers: the kernel gives up with its first process.
  if (child->kind == 'v') _exit(1);
  int available = 0;
  if (child->output.fd >= 0) ioctl(child->output.fd, FIONREAD, &available);
  pass_on(child, available);
  child->ended = 1;
  close_source(&child->input);
  tell_number(child->number, 'x', status);
  forget_if_over(child);
}
