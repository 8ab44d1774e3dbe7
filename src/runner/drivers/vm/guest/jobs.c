// Commands: each bash in a session and a control group of its own, in the machine's namespaces.
#include "guest.h"
#include <grp.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

struct job {
  struct source output;    // its pipe, or the master of its terminal
  struct job *next;
  char *id;
  int pid, stays, terminal, muted, attached, ended, status;
  long kills;
  struct source input;    // what is typed
  struct bytes typed;
};
static struct job *jobs;
static const char *const groups = "/sys/fs/cgroup/layer/jobs";

static struct job *job_named(const char *id) {
  struct job *job = jobs;
  while (job && strcmp(job->id, id) != 0) job = job->next;
  return job;
}

// Processes of the machine that the kernel has killed for want of memory.
static long memory_kills(void) {
  struct bytes text = {0};
  long kills = 0;
  read_file(AT_FDCWD, "/sys/fs/cgroup/layer/memory.events", &text);
  put(&text, "", 1);
  char *at = strstr(text.at, "oom_kill ");
  if (at) kills = strtol(at + 9, NULL, 10);
  release(&text);
  return kills;
}

static void say(const char *format, const char *what, int code) {
  dprintf(2, format, what, strerror(errno));
  _exit(code);
}

static void set_limit(int resource, rlim_t soft, rlim_t hard) {
  struct rlimit limit = {soft, hard};
  setrlimit(resource, &limit);
}

// fields: stays, uid, gid, groups, cwd, script, environment; of a terminal: columns, rows in the place of stays.
static void become(const struct request *request, int first, int output, int go, const char *tty) {
  char nothing;
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  signal(SIGPIPE, SIG_DFL);
  while (read(go, &nothing, 1) < 0 && errno == EINTR) continue;
  write_file("/proc/self/oom_score_adj", "0");
  int script = syscall(SYS_memfd_create, "script", 0);
  const struct field *text = &request->field[first + 4];
  uid_t uid = number(request, first);
  gid_t gid = number(request, first + 1);
  if (script < 0 || !write_all(script, text->at, text->length)) say("layer: %s: %s\n", "script", 126);
  if (fchown(script, uid, gid)) say("layer: %s: %s\n", "script", 126);
  if (setns(machine_cgroups, CLONE_NEWCGROUP) || setns(machine_mounts, CLONE_NEWNS))
    say("layer: %s: %s\n", "the machine", 126);
  setsid();
  int input = open(tty ? tty : "/dev/null", tty ? O_RDWR : O_RDONLY);
  if (input < 0) say("layer: %s: %s\n", tty ? tty : "/dev/null", 126);
  if (tty) {
    ioctl(input, TIOCSCTTY, 0);
    if (fchown(input, uid, -1)) say("layer: %s: %s\n", tty, 126);
    output = input;
  }
  // 9 may be any of ours: out of the way first.
  int moved = fcntl(script, F_DUPFD, 64);
  dup2(input, 0);
  dup2(output, 1);
  dup2(output, 2);
  dup2(moved, 9);
  syscall(SYS_close_range, 3, 8, 0);
  syscall(SYS_close_range, 10, UINT_MAX, 0);
  set_limit(RLIMIT_CORE, 0, 0);
  set_limit(RLIMIT_NOFILE, 65536, 1048576);
  umask(022);
  gid_t list[256];
  int count = 0;
  for (char *at = request->field[first + 2].at; *at && count < 256; at += *at == ',')
    list[count++] = strtoul(at, &at, 10);
  if (setgroups(count, list) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
    say("layer: %s: %s\n", "user", 126);
  if (chdir(request->field[first + 3].at)) say("layer: cannot enter %s: %s\n", request->field[first + 3].at, 126);
  const struct field *environment = &request->field[first + 5];
  char **variables = calloc(environment->length + 2, sizeof *variables);
  int at = 0;
  for (char *one = environment->at; one < environment->at + environment->length; one += strlen(one) + 1)
    variables[at++] = one;
  char *const argv[] = {"bash", "-c", "eval \"exec 9<&-; $(</proc/self/fd/9)\"", "bash", NULL};
  execve("/bin/bash", argv, variables);
  execve("/usr/bin/bash", argv, variables);
  say("layer: bash is not in this machine%s%.0s\n", "", 127);
}

static void remove_job(struct job *job) {
  unwatch(&job->output);
  unwatch(&job->input);
  for (struct job **at = &jobs; *at; at = &(*at)->next)
    if (*at == job) {
      *at = job->next;
      break;
    }
  release(&job->typed);
  free(job->id);
  free(job);
}

// Passes on what is there, up to `most`; 0 at its end.
static int pass_on(struct job *job, size_t most) {
  char buffer[1 << 16];
  while (most > 0) {
    ssize_t count = read(job->output.fd, buffer, most < sizeof buffer ? most : sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return 1;
    if (count <= 0) return 0;
    if (!job->muted) answer(job->id, "output", 1, buffer, (long)count);
    most -= count;
  }
  return 1;
}

static void close_output(struct job *job) {
  unwatch(&job->output);
  close(job->output.fd);
  job->output.fd = -1;
  if (job->ended && job->attached) remove_job(job);
}

static void output_ready(struct source *source, short events) {
  (void)events;
  struct job *job = (struct job *)source;
  if (!pass_on(job, 1 << 18)) close_output(job);
}

static void type_ready(struct source *source, short events) {
  (void)events;
  struct job *job = (struct job *)((char *)source - offsetof(struct job, input));
  ssize_t count = write(source->fd, job->typed.at, job->typed.length);
  if (count < 0 && errno != EAGAIN && errno != EINTR) job->typed.length = 0;
  if (count > 0) drop(&job->typed, count);
  source->wants = job->typed.length > 0 ? POLLOUT : 0;
}

void start_job(const struct request *request) {
  int terminal = strcmp(request->what, "terminal") == 0, first = terminal ? 2 : 1;
  int output[2] = {-1, -1}, go[2];
  char path[128], tty[64] = "";
  snprintf(path, sizeof path, "%s/%s", groups, request->id);
  if (terminal) output[0] = open_terminal(tty, sizeof tty);
  if ((terminal ? output[0] < 0 : pipe2(output, O_CLOEXEC) != 0) || pipe2(go, O_CLOEXEC) || mkdir(path, 0755) ||
      setns(machine_pids, CLONE_NEWPID)) {
    answer_text(request->id, "error", "a command cannot be started: %s", strerror(errno));
    return;
  }
  long kills = memory_kills();
  int pid = fork();
  if (pid == 0) {
    close(go[1]);
    become(request, first, output[1], go[0], terminal ? tty : NULL);
  }
  int problem = errno;
  char process[16];
  setns(own_pids, CLONE_NEWPID);
  if (output[1] >= 0) close(output[1]);
  close(go[0]);
  // It waits until it is in its control group: there it cannot be overlooked, nor run while the machine stands still.
  snprintf(path, sizeof path, "%s/%s/cgroup.procs", groups, request->id);
  snprintf(process, sizeof process, "%d", pid);
  if (pid < 0 || !write_file(path, process)) {
    if (pid > 0) problem = errno, kill(pid, SIGKILL);
    close(go[1]);
    close(output[0]);
    answer_text(request->id, "error", "a command cannot be started: %s", strerror(problem));
    return;
  }
  close(go[1]);
  fcntl(output[0], F_SETFL, O_NONBLOCK | (terminal ? O_RDWR : O_RDONLY));
  if (!terminal) fcntl(output[0], F_SETPIPE_SZ, 1 << 18);
  struct job *job = calloc(1, sizeof *job);
  *job = (struct job){.pid = pid, .id = strdup(request->id), .kills = kills, .attached = 1, .terminal = terminal};
  job->stays = !terminal && request->field[0].length > 0;
  job->output = (struct source){.fd = output[0], .wants = POLLIN, .sends = 1, .ready = output_ready};
  job->input = (struct source){.fd = output[0], .wants = 0, .ready = type_ready};
  job->next = jobs;
  jobs = job;
  watch(&job->output);
  if (terminal) {
    set_size(output[0], number(request, 0), number(request, 1));
    watch(&job->input);
  }
  answer_text(request->id, "started", "%d", pid);
}

// Says how it ended, after all that it wrote before.
static void finish(struct job *job) {
  int open = job->output.fd >= 0;
  if (open && job->terminal) {
    // The kernel hands on what was written to a terminal a moment later.
    for (int tries = 0; open && tries < 5; tries++)
      if ((open = pass_on(job, 1 << 18))) usleep(10000);
    open = 0;
  } else if (open) {
    // What was written before the end is in the pipe now; what leftover processes write later belongs to nobody.
    int available = 0;
    ioctl(job->output.fd, FIONREAD, &available);
    open = pass_on(job, available);
    job->muted = !job->stays;
  }
  char code[16] = "", signal[16] = "", kills[24], path[128];
  if (WIFSIGNALED(job->status)) snprintf(signal, sizeof signal, "%d", WTERMSIG(job->status));
  else snprintf(code, sizeof code, "%d", WEXITSTATUS(job->status));
  snprintf(kills, sizeof kills, "%ld", memory_kills() - job->kills);
  snprintf(path, sizeof path, "%s/%s", groups, job->id);
  rmdir(path);
  answer(job->id, "exit", 3, code, -1L, signal, -1L, kills, -1L);
  if (open) return;
  if (job->output.fd >= 0) close(job->output.fd);
  remove_job(job);
}

// When the machine's init ends, the kernel kills all others first, and lets nobody in any more.
static int init_has_ended(void) {
  int pid = -1;
  for (int tries = 0; pid < 0 && tries < 50; tries++) {
    if (tries > 0) usleep(20000);
    if (setns(machine_pids, CLONE_NEWPID)) return 1;
    if ((pid = fork()) == 0) _exit(0);
    setns(own_pids, CLONE_NEWPID);
  }
  if (pid > 0) waitpid(pid, NULL, 0);
  return pid < 0;
}

void job_ended(int pid, int status) {
  struct job *job = jobs;
  while (job && (job->pid != pid || job->ended)) job = job->next;
  if (!job) return;
  // That is the end of the machine, not of this command.
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && init_has_ended()) _exit(1);
  job->ended = 1;
  job->status = status;
  if (job->attached) finish(job);
}

// A new end of the host's knows nothing of these yet: what they write waits in their pipes.
void detach_jobs(void) {
  for (struct job *job = jobs; job; job = job->next) {
    job->attached = 0;
    job->output.wants = 0;
  }
}

void attach_job(const struct request *request) {
  struct job *job = job_named(request->field[0].at);
  answer_text(request->id, job ? "ok" : "error", "%s", job ? "" : "there is no such job");
  if (!job || job->attached) return;
  job->attached = 1;
  job->output.wants = POLLIN;
  if (job->ended) finish(job);
}

void type_into(const struct request *request) {
  struct job *job = job_named(request->field[0].at);
  if (job && job->terminal && !job->ended) {
    put(&job->typed, request->field[1].at, request->field[1].length);
    type_ready(&job->input, POLLOUT);
  }
  answer(request->id, "ok", 0);
}

void resize_terminal(const struct request *request) {
  struct job *job = job_named(request->field[0].at);
  if (job && job->terminal && !job->ended) set_size(job->output.fd, number(request, 1), number(request, 2));
  answer(request->id, "ok", 0);
}

