// The agent: the first process of a guest. It carries messages between the host and its children, which do what the
// host asks for, call by call. What is to be done, and in which order, is decided by the host: see agent.ts.
//
// Messages: the length of the rest (u32), a child's number (u32), a letter, and more. Numbers are big endian.
//   to the agent: `s` KIND SPACE: start a child (children.c); `i` BYTES: for its input; `k`: kill it
//   to the host: `s` PROCESS (u32): it runs; `f` ERRNO (u32): it cannot; `o` BYTES: output; `x` STATUS (u32): it ended
#pragma once
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// ---- bytes.c

// Grows at its end and is taken from its front.
struct bytes {
  char *at;
  size_t length, room, taken;
};
void put(struct bytes *to, const void *from, size_t length);
void put_number(struct bytes *to, uint64_t number, int size);
uint64_t number_at(const char *at, int size);
void drop(struct bytes *from, size_t length);
// The length of the first frame, with the four bytes that say it; 0 where it is not whole.
size_t whole_frame(const struct bytes *from);

// ---- channel.c: a stream to the host that outlives connections, see channel.ts

struct channel {
  int port;
  int away;                 // the host is not there; looked for now and then
  uint32_t session;         // of the host's end; 0 before the first hello
  struct bytes in, wire;    // not yet taken apart; not yet written
  struct bytes stream;      // given to the host and not acknowledged, from `acknowledged` on
  uint64_t acknowledged, sent, received, told;
  void (*data)(struct channel *, const char *, size_t);
  void (*begins_anew)(struct channel *);    // a host that knows of nothing has come; may be null
};
short channel_wants(struct channel *channel);
void channel_ready(struct channel *channel, short events);
enum { most_kept = 7 << 20 };    // of a stream, before its sources wait

// ---- loop.c: waits for whatever is ready

struct source {
  struct source *next;
  int fd;
  short wants;
  int sends;    // it gives to the channel, so it waits while that is full
  void (*ready)(struct source *);
};
void watch(struct source *source);
void unwatch(struct source *source);
void forget_sources(void);
void serve(struct channel *channel) __attribute__((noreturn));

// ---- main.c

extern int own_pids;    // the namespace that the agent counts processes in
void tell(uint32_t child, char kind, const void *at, size_t length);
void tell_number(uint32_t child, char kind, uint32_t number);

// ---- children.c, calls.c, views.c, modules.c

void spawn(uint32_t number, char kind, const char *space);
void feed_child(uint32_t number, const char *at, size_t length);
void kill_child(uint32_t number);
void child_ended(int pid, int status);
void perform_calls(void) __attribute__((noreturn));
long carry_views(int device, int port, int file);
int load_modules(const char *name);
