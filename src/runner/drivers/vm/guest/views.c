// The views: requests of a FUSE mount go to the host, and what comes from there answers them, in a process of its own.
#include "guest.h"
#include <sys/mman.h>

// linux/fuse.h: a request is length (u32), operation (u32), unique (u64) and more; a reply length, error, unique.
enum { forget = 2, interrupt = 36, batch_forget = 42, longest = (1 << 20) + (1 << 16) };

static struct source device;
static struct channel host;
static struct bytes replies;
static struct bytes open_requests;    // that nobody has answered, one behind the other: a new host gets them again
// For whoever waits until nothing is under way, see `drainViews`.
static volatile struct {
  uint64_t open, received;
} *progress;

static void forward(struct source *source) {
  static char request[longest];
  ssize_t length = read(source->fd, request, sizeof request);
  // The mount is gone, and with it whatever this is for.
  if (length < 0 && errno == ENODEV) _exit(0);
  if (length < 0) return;
  uint32_t operation;
  memcpy(&operation, request + 4, 4);
  put(&host.stream, request, length);
  if (operation == forget || operation == interrupt || operation == batch_forget) return;
  put(&open_requests, request, length);
  progress->open++;
}

static void close_request(const char *unique) {
  uint32_t size;
  for (size_t at = 0; at < open_requests.length; at += size) {
    char *request = open_requests.at + at;
    memcpy(&size, request, 4);
    if (memcmp(request + 8, unique, 8) != 0) continue;
    open_requests.length -= size;
    memmove(request, request + size, open_requests.length - at);
    progress->open--;
    return;
  }
}

static void answered(struct channel *channel, const char *at, size_t length) {
  put(&replies, at, length);
  uint32_t size;
  while (replies.length >= 16 && (memcpy(&size, replies.at, 4), size >= 16) && replies.length >= size) {
    // ENOENT: whoever asked was killed meanwhile, or it was answered before.
    if (write(device.fd, replies.at, size) < 0 && errno == ENODEV) _exit(0);
    close_request(replies.at + 8);
    drop(&replies, size);
  }
  // What comes behind a notification has been written when this says that it was received.
  progress->received = channel->received;
}

static void begin_anew(struct channel *channel) {
  replies.length = 0;
  progress->received = 0;
  put(&channel->stream, open_requests.at, open_requests.length);
}

// Serves a FUSE device through a port; `file` is for its progress. Returns only where it cannot, as a system call does.
long carry_views(int fd, int port, int file) {
  progress = mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (progress == MAP_FAILED) return -errno;
  host = (struct channel){.port = port, .data = answered, .begins_anew = begin_anew};
  device = (struct source){.fd = fd, .wants = POLLIN, .sends = 1, .ready = forward};
  watch(&device);
  serve(&host);
}
