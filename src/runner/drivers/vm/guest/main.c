#include "guest.h"
#include <stdarg.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

struct channel agent;
static struct source *sources;
static struct bytes incoming;
static const char *broken;    // why there is no machine

void watch(struct source *source) {
  source->next = sources;
  sources = source;
}

void unwatch(struct source *source) {
  for (struct source **at = &sources; *at; at = &(*at)->next) {
    if (*at != source) continue;
    *at = source->next;
    return;
  }
}

int write_all(int fd, const void *at, size_t length) {
  for (const char *from = at; length > 0;) {
    ssize_t count = write(fd, from, length);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return 0;
    from += count;
    length -= count;
  }
  return 1;
}

int read_file(int directory, const char *path, struct bytes *to) {
  char buffer[1 << 16];
  int fd = openat(directory, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t count;
  while ((count = read(fd, buffer, sizeof buffer)) > 0) put(to, buffer, count);
  int problem = errno;
  close(fd);
  errno = problem;
  return count == 0;
}

int write_file(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  int done = write_all(fd, text, strlen(text));
  int problem = errno;
  close(fd);
  errno = problem;
  return done;
}

static const struct verb {
  const char *name;
  void (*work)(const struct request *);
} verbs[] = {
  {"exec", start_job},     {"terminal", start_job}, {"type", type_into},   {"size", resize_terminal},
  {"attach", attach_job},  {"spawn", spawn},        {"input", feed_child}, {"kill", kill_child},
};

static void handle(const struct request *request) {
  if (broken) {
    answer(request->id, "error", 1, broken, -1L);
    return;
  }
  for (size_t at = 0; at < sizeof verbs / sizeof *verbs; at++) {
    if (strcmp(verbs[at].name, request->what) != 0) continue;
    verbs[at].work(request);
    return;
  }
  answer_text(request->id, "error", "unknown request %s", request->what);
}

static void heard(struct channel *channel, const char *at, size_t length) {
  (void)channel;
  struct request request;
  size_t size;
  put(&incoming, at, length);
  while (parse(&incoming, &request, &size)) {
    handle(&request);
    drop(&incoming, size);
  }
}

static void greeted(struct channel *channel, int resumed) {
  (void)channel;
  if (resumed) return;
  incoming.length = 0;
  detach_jobs();
  if (broken) answer("0", "failed", 1, broken, -1L);
  else if (init_socket < 0) answer_text("0", "ready", "%d", machine_init);
}

static void init_said(struct source *source, short events) {
  (void)events;
  if (!init_is_up(source->fd)) return;
  unwatch(source);
  close(source->fd);
  init_socket = -1;
  // To a host that has not come yet it is said when it does.
  if (agent.session != 0) answer_text("0", "ready", "%d", machine_init);
}

static void reap(struct source *source, short events) {
  (void)events;
  struct signalfd_siginfo ignored;
  while (read(source->fd, &ignored, sizeof ignored) > 0) continue;
  int status, pid;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
    job_ended(pid, status);
    child_ended(pid, status);
    // Without its init there is no machine, and reads of views that are not served must not look like answers: the kernel gives up with its first process.
    if (pid == machine_init || pid == pump_process) _exit(1);
  }
}

static void serve(void) {
  enum { most = 1024 };
  static struct pollfd polled[most];
  static struct source *of[most];
  for (;;) {
    int count = 1, full = channel_room(&agent) < 1 << 20;
    short wanted = channel_wants(&agent);
    polled[0] = (struct pollfd){agent.away ? -1 : agent.port, wanted, 0};
    for (struct source *at = sources; at && count < most; at = at->next) {
      short wants = at->sends && full ? at->wants & ~POLLIN : at->wants;
      if (wants == 0) continue;
      of[count] = at;
      polled[count++] = (struct pollfd){at->fd, wants, 0};
    }
    if (poll(polled, count, agent.away ? 10 : -1) < 0) continue;
    if (agent.away) {
      polled[0] = (struct pollfd){agent.port, wanted, 0};
      poll(polled, 1, 0);
    }
    if (polled[0].revents) channel_ready(&agent, polled[0].revents);
    for (int at = 1; at < count; at++) {
      if (!polled[at].revents) continue;
      for (struct source *known = sources; known; known = known->next) {
        if (known != of[at]) continue;
        known->ready(known, polled[at].revents);
        break;
      }
    }
  }
}

int main(int count, char **arguments) {
  const char *name = strrchr(arguments[0], '/');
  if (strcmp(name ? name + 1 : arguments[0], "modprobe") == 0) return modprobe(count, arguments);
  signal(SIGPIPE, SIG_IGN);
  umask(0);
  broken = start_machine();
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child, NULL);
  struct source deaths = {.fd = signalfd(-1, &child, SFD_NONBLOCK | SFD_CLOEXEC), .wants = POLLIN, .ready = reap};
  watch(&deaths);
  struct source init = {.fd = init_socket, .wants = POLLIN, .ready = init_said};
  if (init_socket >= 0) watch(&init);
  agent = (struct channel){.port = open_port("agent"), .data = heard, .hello = greeted};
  serve();
}
