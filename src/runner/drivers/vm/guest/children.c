// The agent's children: each does calls for the host, and may become a program by one. What it writes goes to the host, what the host sends to it.
#include "guest.h"
#include <sys/ioctl.h>
#include <sys/syscall.h>

struct child {
  struct source output, input;
  struct bytes pending;    // for its input
  struct child *next;
  char *id;
  int pid, ended;
  int stays;    // what others write to its output after its end is heard, too
  int vital;    // without it there is no machine
};
static struct child *children;

static struct child *child_named(const char *id) {
  struct child *child = children;
  while (child && strcmp(child->id, id) != 0) child = child->next;
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
  close_source(&child->input);
  release(&child->pending);
  free(child->id);
  free(child);
}

// Passes on what is there, up to `most`.
static void pass_on(struct child *child, size_t most) {
  static char buffer[1 << 16];
  while (most > 0) {
    ssize_t count = read(child->output.fd, buffer, most < sizeof buffer ? most : sizeof buffer);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) {
      close_source(&child->output);
      return;
    }
    if (!child->ended || child->stays) answer(child->id, "output", 1, buffer, (long)count);
    most -= count;
  }
}

static void output_ready(struct source *source, short events) {
  (void)events;
  struct child *child = (struct child *)source;
  pass_on(child, 1 << 18);
  forget_if_over(child);
}

static void input_ready(struct source *source, short events) {
  (void)events;
  struct child *child = (struct child *)((char *)source - offsetof(struct child, input));
  ssize_t count = write(source->fd, child->pending.at, child->pending.length);
  if (count < 0 && errno != EAGAIN) child->pending.length = 0;
  if (count > 0) drop(&child->pending, count);
  source->wants = child->pending.length > 0 ? POLLOUT : 0;
}

// Whose process identifiers it is to have: the agent's own (nothing), new ones, or those of a process. -1 where that cannot be.
static int fork_among(const char *whose) {
  int result = 0;
  if (strcmp(whose, "new") == 0) {
    result = unshare(CLONE_NEWPID);
  } else if (*whose) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%.10s/ns/pid", whose);
    int space = open(path, O_RDONLY | O_CLOEXEC);
    result = space < 0 ? -1 : setns(space, CLONE_NEWPID);
    close(space);
  }
  int pid = result ? -1 : fork(), problem = errno;
  if (pid != 0 && *whose) setns(own_pids, CLONE_NEWPID);
  errno = problem;
  return pid;
}

// fields: whose process identifiers, what it is (`stays`, `vital`, or nothing)
void spawn(const struct request *request) {
  int in[2], out[2];
  if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC)) abort();
  int pid = fork_among(request->field[0].at), problem = errno;
  if (pid == 0) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    dup2(in[0], 0);
    dup2(out[1], 1);
    syscall(SYS_close_range, 3, ~0u, 0);
    perform_calls();
  }
  close(in[0]);
  close(out[1]);
  if (pid < 0) {
    close(in[1]);
    close(out[0]);
    answer_text(request->id, "failed", "%s", strerror(problem));
    return;
  }
  fcntl(in[1], F_SETFL, O_NONBLOCK);
  fcntl(out[0], F_SETFL, O_NONBLOCK);
  fcntl(out[0], F_SETPIPE_SZ, 1 << 18);
  struct child *child = calloc(1, sizeof *child);
  *child = (struct child){.id = strdup(request->id), .pid = pid, .next = children};
  child->stays = strcmp(request->field[1].at, "stays") == 0;
  child->vital = strcmp(request->field[1].at, "vital") == 0;
  child->output = (struct source){.fd = out[0], .wants = POLLIN, .sends = 1, .ready = output_ready};
  child->input = (struct source){.fd = in[1], .wants = 0, .ready = input_ready};
  children = child;
  watch(&child->output);
  watch(&child->input);
  answer_text(request->id, "started", "%d", pid);
}

void feed_child(const struct request *request) {
  struct child *child = child_named(request->id);
  if (!child || child->ended) return;
  put(&child->pending, request->field[0].at, request->field[0].length);
  input_ready(&child->input, 0);
}

void kill_child(const struct request *request) {
  struct child *child = child_named(request->id);
  if (child && !child->ended) kill(child->pid, SIGKILL);
}

// Says how it ended, after all that it wrote before; what others write to its output later belongs to nobody, unless it stays.
void child_ended(int pid, int status) {
  struct child *child = children;
  while (child && (child->pid != pid || child->ended)) child = child->next;
  if (!child) return;
  // Then reads of views that are not served must not look like answers: the kernel gives up with its first process.
  if (child->vital) _exit(1);
  int available = 0;
  if (child->output.fd >= 0) ioctl(child->output.fd, FIONREAD, &available);
  pass_on(child, available);
  child->ended = 1;
  close_source(&child->input);
  answer_text(child->id, "exit", "%d", status);
  forget_if_over(child);
}
