// The views: a FUSE mount whose requests go to the host and whose replies come from there. A process of its own carries them.
#include "guest.h"
#include <sys/mman.h>

// Sizes and numbers are those of linux/fuse.h: a request is length (u32), operation (u32), unique (u64) and more; a reply length, error, unique.
enum { forget = 2, interrupt = 36, batch_forget = 42, longest = (1 << 20) + (1 << 16) };

struct flight {
  struct flight *next;
  uint64_t unique;
  size_t length;
  char bytes[];
};
static struct flight *flights;
static struct channel host;
static struct bytes replies;
static int device;
int pump_process;
static struct {
  volatile long in_flight;
  volatile uint64_t received;
} *shared;

static void forward(void) {
  static char request[longest];
  ssize_t length = read(device, request, sizeof request);
  if (length < 0) {
    // ENODEV: the mount is gone, and with it whatever this is for.
    if (errno == ENODEV) _exit(0);
    return;
  }
  uint32_t operation;
  memcpy(&operation, request + 4, 4);
  if (operation != forget && operation != interrupt && operation != batch_forget) {
    struct flight *flight = malloc(sizeof *flight + length);
    flight->length = length;
    memcpy(&flight->unique, request + 8, 8);
    memcpy(flight->bytes, request, length);
    // At the end: a host that is new gets them in their order.
    struct flight **at = &flights;
    while (*at) at = &(*at)->next;
    flight->next = NULL;
    *at = flight;
    shared->in_flight++;
  }
  channel_send(&host, request, length);
}

static void answered(struct channel *channel, const char *at, size_t length) {
  put(&replies, at, length);
  uint32_t size;
  while (replies.length >= 16 && (memcpy(&size, replies.at, 4), size >= 16) && replies.length >= size) {
    uint64_t unique;
    memcpy(&unique, replies.at + 8, 8);
    // ENOENT: whoever asked was killed meanwhile, or it was answered before.
    if (write(device, replies.at, size) < 0 && errno == ENODEV) _exit(0);
    for (struct flight **flight = &flights; unique != 0 && *flight; flight = &(*flight)->next) {
      if ((*flight)->unique != unique) continue;
      struct flight *gone = *flight;
      *flight = gone->next;
      free(gone);
      shared->in_flight--;
      break;
    }
    drop(&replies, size);
  }
  // What comes behind a notification has been written when this says that it was received.
  shared->received = channel->received;
}

static void greeted(struct channel *channel, int resumed) {
  if (resumed) return;
  replies.length = 0;
  shared->received = 0;
  for (struct flight *flight = flights; flight; flight = flight->next)
    channel_send(channel, flight->bytes, flight->length);
}

static void pump(void) {
  for (;;) {
    short wanted = channel_wants(&host);
    struct pollfd polled[2] = {{host.away ? -1 : host.port, wanted, 0}, {device, POLLIN, 0}};
    if (channel_room(&host) < longest) polled[1].fd = -1;
    if (poll(polled, 2, host.away ? 10 : -1) < 0) continue;
    if (polled[1].revents) forward();
    if (host.away) {
      polled[0].fd = host.port;
      poll(polled, 1, 0);
    }
    wanted = channel_wants(&host);
    if (polled[0].revents || (wanted & POLLOUT && !host.away)) channel_ready(&host, polled[0].revents);
  }
}

// Big files come in bigger pieces. By mountinfo, because a stat would be a request.
static void raise_read_ahead(void) {
  struct bytes text = {0};
  unsigned minor;
  char path[64];
  read_file(AT_FDCWD, "/proc/self/mountinfo", &text);
  put(&text, "", 1);
  char *at = strstr(text.at, " / /views ");
  while (at && at > text.at && at[-1] != '\n') at--;
  if (at && sscanf(at, "%*s %*s 0:%u", &minor) == 1) {
    snprintf(path, sizeof path, "/sys/class/bdi/0:%u/read_ahead_kb", minor);
    write_file(path, "1024");
  }
  release(&text);
}

const char *start_fuse(void) {
  char options[100];
  // For whoever wants to know: see drainViews.
  int progress = open("/run/views", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (ftruncate(progress, sizeof *shared)) return "there is no room in memory";
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, progress, 0);
  close(progress);
  host = (struct channel){.port = open_port("fuse"), .data = answered, .hello = greeted};
  device = open("/dev/fuse", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (shared == MAP_FAILED || host.port < 0 || device < 0) return "the guest has no FUSE port or device";
  snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", device);
  if (mount("layer-views", "/views", "fuse", MS_RDONLY | MS_NOSUID | MS_NODEV, options)) return "the views cannot be mounted";
  raise_read_ahead();
  pump_process = fork();
  if (pump_process < 0) return "the views cannot be served";
  if (pump_process == 0) pump();
  close(device);
  close(host.port);
  return NULL;
}
