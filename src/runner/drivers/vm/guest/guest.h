// The agent: the first process of a guest, and what speaks for it to the host.
//
// Frames, both ways: length (u32, big endian), then fields, each a length (u32) and bytes. Field 0 is the request's id, field 1 what it is; numbers are
// decimal text. Each request ends with `ok FIELDS` or `error WHY`; agent.ts says what they mean.
//   exec STAYS UID GID GROUPS CWD SCRIPT ENVIRONMENT, terminal COLUMNS ROWS UID …: `started PID`, `output BYTES` …, `exit CODE SIGNAL MEMORY-KILLS`
//   type JOB BYTES, size JOB COLUMNS ROWS, attach JOB, kill JOB, jobs, ports JOB: of jobs, which are named after the id of the request that began them
//   freeze, thaw, drain BYTES, sync, wake NANOSECONDS ENTROPY HOSTNAME MACHINE-ID: of the machine as a whole
//   resolve PATH, read PATH, write PATH BYTES MODE UID GID, mkdir PATH MODE UID GID, view ORDINAL DESTINATION: of its files
//   copy-out PATH, copy-in PATH, connect PORT: `kind WORD`, then streams: `data BYTES`, `took COUNT`, `end 0` (`end 1`: whoever asked has gone), both ways
// Of itself it says, as request 0, `ready` when the machine is up, or `failed WHY`.
#pragma once
#define _GNU_SOURCE
#include <dirent.h>
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
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

// ---- frames.c: bytes, and frames made of fields

// Grows at its end and is taken from its front.
struct bytes {
  char *at;
  size_t length, room, taken;
};
void put(struct bytes *to, const void *from, size_t length);
void put32(struct bytes *to, uint32_t number);
void put64(struct bytes *to, uint64_t number);
void drop(struct bytes *from, size_t length);
void release(struct bytes *bytes);
uint32_t get32(const void *at);
uint64_t get64(const void *at);

// Text of a request: `at` ends in a zero byte that `length` does not count.
struct field {
  char *at;
  size_t length;
};
struct request {
  const char *id, *what;
  struct field field[16];
  int fields;
};
// Takes the first frame out of `from`: 1 where one was whole. `request` points into it until `drop(from, size)`.
int parse(struct bytes *from, struct request *request, size_t *size);
long number(const struct request *request, int field);
// An answer: `answer(id, "ok", 2, a, lengthA, b, lengthB)`; a length of -1 measures a text.
void answer(const char *id, const char *kind, int fields, ...);
void answer_text(const char *id, const char *kind, const char *format, ...) __attribute__((format(printf, 3, 4)));
void put_field(struct bytes *to, const char *at, long length);

// ---- channel.c: a stream to the host that outlives connections, see channel.ts

struct channel {
  int port;
  int away;                 // the host is not there; looked for now and then
  uint32_t session;         // of the host's end; 0 before the first hello
  struct bytes in, wire;    // not yet taken apart; not yet written
  struct bytes stream;      // given to the host and not acknowledged, from `acknowledged` on
  uint64_t acknowledged, sent, received, told;
  void (*data)(struct channel *, const char *, size_t);
  void (*hello)(struct channel *, int resumed);
};
short channel_wants(struct channel *channel);
void channel_ready(struct channel *channel, short events);
void channel_send(struct channel *channel, const void *at, size_t length);
size_t channel_room(const struct channel *channel);
int open_port(const char *name);

// ---- main.c

struct source {
  struct source *next;
  int fd;
  short wants;
  int sends;    // it makes frames, so it waits while the channel is full
  void (*ready)(struct source *, short events);
};
void watch(struct source *source);
void unwatch(struct source *source);
extern struct channel agent;
int write_all(int fd, const void *at, size_t length);
int read_file(int directory, const char *path, struct bytes *to);
int write_file(const char *path, const char *text);

// ---- machine.c: the disk, the modules, the namespaces that jobs live in

extern int machine_init, init_socket;    // its process id, as the agent sees it; where systemd reports
int init_is_up(int fd);
extern int own_pids, machine_pids, machine_mounts, machine_cgroups, own_mounts;
const char *start_machine(void);    // null, or why not
int modprobe(int count, char **arguments);

// ---- children.c, calls.c

void spawn(const struct request *request);
void feed_child(const struct request *request);
void kill_child(const struct request *request);
void child_ended(int pid, int status);
void perform_calls(void) __attribute__((noreturn));

// ---- jobs.c, terminal.c

void start_job(const struct request *request);
void type_into(const struct request *request);
void resize_terminal(const struct request *request);
void detach_jobs(void);
void attach_job(const struct request *request);
void job_ended(int pid, int status);
int open_terminal(char *name, size_t room);    // the master; the name of its other end
void set_size(int terminal, long columns, long rows);

// ---- fuse.c

const char *start_fuse(void);
extern int pump_process;
