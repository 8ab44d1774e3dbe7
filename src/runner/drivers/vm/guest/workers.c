// What touches files or takes time is done by a process of its own: the agent never waits for a file that the host serves.
#include "guest.h"
#include <sys/wait.h>

struct worker {
  struct source output, input;    // what it answers; what it is fed
  struct bytes frames, pending;
  int done;
  char *id;
  struct worker *next;
};
static struct worker *workers;
struct bytes worker_input;    // in a worker: what it was fed and has not looked at
size_t worker_untaken;        // in a worker: bytes that it sent and the host has not taken

static void forget(struct worker *worker) {
  unwatch(&worker->output);
  unwatch(&worker->input);
  close(worker->output.fd);
  if (worker->input.fd >= 0) close(worker->input.fd);
  for (struct worker **at = &workers; *at; at = &(*at)->next)
    if (*at == worker) {
      *at = worker->next;
      break;
    }
  release(&worker->frames);
  release(&worker->pending);
  free(worker->id);
  free(worker);
}

static void relay(struct source *source, short events) {
  (void)events;
  struct worker *worker = (struct worker *)source;
  char buffer[1 << 16];
  ssize_t count = read(source->fd, buffer, sizeof buffer);
  if (count < 0) return;
  if (count == 0) {
    if (!worker->done) answer_text(worker->id, "error", "its worker died");
    forget(worker);
    return;
  }
  put(&worker->frames, buffer, count);
  while (worker->frames.length >= 4 && worker->frames.length >= 4 + (size_t)get32(worker->frames.at)) {
    size_t size = 4 + (size_t)get32(worker->frames.at);
    const char *kind = worker->frames.at + 8 + get32(worker->frames.at + 4);
    worker->done |= memcmp(kind + 4, "ok", 2) == 0 || memcmp(kind + 4, "error", 5) == 0;
    channel_send(&agent, worker->frames.at, size);
    drop(&worker->frames, size);
  }
}

static void feed(struct source *source, short events) {
  (void)events;
  struct worker *worker = (struct worker *)((char *)source - offsetof(struct worker, input));
  ssize_t count = write(source->fd, worker->pending.at, worker->pending.length);
  if (count < 0 && errno != EAGAIN) worker->pending.length = 0;
  if (count > 0) drop(&worker->pending, count);
  source->wants = worker->pending.length > 0 ? POLLOUT : 0;
}

void feed_worker(const struct request *request) {
  for (struct worker *worker = workers; worker; worker = worker->next) {
    if (strcmp(worker->id, request->id) != 0) continue;
    put32(&worker->pending, 12 + strlen(request->id) + strlen(request->what) + request->field[0].length);
    put_field(&worker->pending, request->id, -1);
    put_field(&worker->pending, request->what, -1);
    put_field(&worker->pending, request->field[0].at, request->field[0].length);
    feed(&worker->input, 0);
    return;
  }
}

void apart(void (*work)(const struct request *), const struct request *request) {
  int out[2], in[2];
  if (pipe2(out, O_CLOEXEC) || pipe2(in, O_CLOEXEC)) {
    answer_text(request->id, "error", "pipe: %s", strerror(errno));
    return;
  }
  fflush(NULL);
  int pid = fork();
  if (pid == 0) {
    sink = out[1];
    dup2(in[0], 0);
    close(in[1]);
    close(out[0]);
    write_file("/proc/self/oom_score_adj", "-1000");
    work(request);
    _exit(0);
  }
  close(out[1]);
  close(in[0]);
  if (pid < 0) {
    answer_text(request->id, "error", "fork: %s", strerror(errno));
    close(out[0]);
    close(in[1]);
    return;
  }
  fcntl(in[1], F_SETFL, O_NONBLOCK);
  struct worker *worker = calloc(1, sizeof *worker);
  *worker = (struct worker){.id = strdup(request->id), .next = workers};
  worker->output = (struct source){.fd = out[0], .wants = POLLIN, .sends = 1, .ready = relay};
  worker->input = (struct source){.fd = in[1], .wants = 0, .ready = feed};
  workers = worker;
  watch(&worker->output);
  watch(&worker->input);
}

// Waits for one more frame of the host's.
static int next_frame(struct request *request, size_t *size) {
  while (!parse(&worker_input, request, size)) {
    char buffer[1 << 16];
    ssize_t count = read(0, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return 0;
    put(&worker_input, buffer, count);
  }
  return 1;
}

void send_data(const struct request *request, const char *at, size_t length) {
  while (worker_untaken >= stream_window) {
    struct request more;
    size_t size;
    if (!next_frame(&more, &size)) _exit(1);
    if (strcmp(more.what, "end") == 0) _exit(0);
    if (strcmp(more.what, "took") == 0) worker_untaken -= number(&more, 0);
    drop(&worker_input, size);
  }
  answer(request->id, "data", 1, at, (long)length);
  worker_untaken += length;
}

void tell_taken(const struct request *request, size_t length) { answer_text(request->id, "took", "%zu", length); }

int receive_data(struct bytes *to) {
  struct request more;
  size_t size;
  if (!next_frame(&more, &size)) _exit(1);
  int data = strcmp(more.what, "data") == 0;
  if (data) put(to, more.field[0].at, more.field[0].length);
  if (strcmp(more.what, "took") == 0) worker_untaken -= number(&more, 0);
  int ended = strcmp(more.what, "end") == 0;
  // The host has lost interest.
  if (ended && number(&more, 0) != 0) _exit(0);
  drop(&worker_input, size);
  return !ended;
}
