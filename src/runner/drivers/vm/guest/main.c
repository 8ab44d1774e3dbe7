#include "guest.h"
#include <arpa/inet.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

int own_pids;
static struct channel host;
static struct bytes incoming;

void tell(uint32_t child, char kind, const void *at, size_t length) {
  put_number(&host.stream, 5 + length, 4);
  put_number(&host.stream, child, 4);
  put(&host.stream, &kind, 1);
  put(&host.stream, at, length);
}

void tell_number(uint32_t child, char kind, uint32_t number) {
  uint32_t bytes = htonl(number);
  tell(child, kind, &bytes, sizeof bytes);
}

static void heard(struct channel *channel, const char *at, size_t length) {
  (void)channel;
  put(&incoming, at, length);
  for (size_t size; (size = whole_frame(&incoming)) > 0; drop(&incoming, size)) {
    uint32_t child = number_at(incoming.at + 4, 4);
    const char *more = incoming.at + 9;
    switch (incoming.at[8]) {
      case 's': spawn(child, more[0], more + 1); break;
      case 'i': feed_child(child, more, size - 9); break;
      case 'k': kill_child(child); break;
    }
  }
}

static void reap(struct source *source) {
  struct signalfd_siginfo ignored;
  int status, pid;
  while (read(source->fd, &ignored, sizeof ignored) > 0) continue;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0) child_ended(pid, status);
}

// The first port of whichever device has ports; it shows up some milliseconds after the driver.
static int open_port(void) {
  for (int tries = 0; tries < 40000; tries++) {
    char path[32];
    snprintf(path, sizeof path, "/dev/vport%dp1", tries % 8);
    int port = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (port >= 0) return port;
    if (tries % 8 == 7) usleep(2000);
  }
  return -1;
}

int main(int count, char **arguments) {
  const char *name = strrchr(arguments[0], '/');
  // The kernel asks for a module as modprobe(8) takes it: `-q -- NAME`.
  if (name && strcmp(name, "/modprobe") == 0) return load_modules(arguments[count - 1]);
  signal(SIGPIPE, SIG_IGN);
  umask(0);
  const char *const places[][2] = {{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}};
  for (int at = 0; at < 3; at++) {
    mkdir(places[at][1], 0755);
    mount(places[at][0], places[at][1], places[at][0], 0, NULL);
  }
  mkdir("/run", 0755);
  load_modules("early");
  own_pids = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child, NULL);
  struct source deaths = {.fd = signalfd(-1, &child, SFD_NONBLOCK | SFD_CLOEXEC), .wants = POLLIN, .ready = reap};
  watch(&deaths);
  host = (struct channel){.port = open_port(), .data = heard};
  serve(&host);
}
