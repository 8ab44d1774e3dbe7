// The disk, and the machine on it: PID, mount and control group namespaces with an init of their own, that the agent stands beside.
#include "guest.h"
#include <arpa/inet.h>
#include <fnmatch.h>
#include <net/if.h>
#include <net/route.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

int machine_init = -1, init_socket = -1;
int own_pids = -1, machine_pids = -1, own_mounts = -1, machine_mounts = -1, machine_cgroups = -1;
static const char *const systemd = "/lib/systemd/systemd";
static const char *const controllers = "+cpu +memory +pids +io";

static const char *problem(const char *what) {
  static char text[512];
  snprintf(text, sizeof text, "%s: %s", what, strerror(errno));
  return text;
}

static int load_module(const char *path, const char *options) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  int done = syscall(SYS_finit_module, fd, options, 0);
  close(fd);
  return done == 0 || errno == EEXIST ? 0 : -1;
}

// Everything the guest's devices need, in the order of their dependencies.
static void load_modules(void) {
  struct bytes list = {0};
  read_file(AT_FDCWD, "/modules.list", &list);
  put(&list, "", 1);
  for (char *line = strtok(list.at, "\n"); line; line = strtok(NULL, "\n")) load_module(line, "");
  release(&list);
}

static void set_address(int fd, unsigned long what, const char *interface, const char *address) {
  struct ifreq request = {0};
  struct sockaddr_in *in = (struct sockaddr_in *)&request.ifr_addr;
  snprintf(request.ifr_name, IFNAMSIZ, "%s", interface);
  in->sin_family = AF_INET;
  inet_pton(AF_INET, address, &in->sin_addr);
  ioctl(fd, what, &request);
}

// QEMU's user network (slirp) as it is by default: 10.0.2.15, gateway 10.0.2.2, names 10.0.2.3.
static void raise_network(void) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  for (int at = 0; at < 2; at++) {
    struct ifreq request = {0};
    snprintf(request.ifr_name, IFNAMSIZ, "%s", at ? "eth0" : "lo");
    if (at) {
      set_address(fd, SIOCSIFADDR, "eth0", "10.0.2.15");
      set_address(fd, SIOCSIFNETMASK, "eth0", "255.255.255.0");
    }
    if (ioctl(fd, SIOCGIFFLAGS, &request) < 0) continue;
    request.ifr_flags |= IFF_UP | IFF_RUNNING;
    ioctl(fd, SIOCSIFFLAGS, &request);
  }
  struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY};
  struct sockaddr_in any = {.sin_family = AF_INET}, gateway = any;
  inet_pton(AF_INET, "10.0.2.2", &gateway.sin_addr);
  memcpy(&route.rt_dst, &any, sizeof any);
  memcpy(&route.rt_genmask, &any, sizeof any);
  memcpy(&route.rt_gateway, &gateway, sizeof gateway);
  ioctl(fd, SIOCADDRT, &route);
  close(fd);
}

// A file of the machine's that lies in no layer: what it says belongs to the guest.
static void say_in_etc(const char *name, const char *text) {
  char path[64];
  snprintf(path, sizeof path, "/etc/%s", name);
  close(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  write_file(path, text);
}

// `machine_id`: 32 hex digits; a new one where it is empty. The kernel's boot id is covered by a new one, too.
static void new_identity(const char *hostname, const char *machine_id) {
  const char *const uuids = "/proc/sys/kernel/random/uuid";
  struct bytes boot = {0}, machine = {0};
  char text[200], *to = text;
  sethostname(hostname, strlen(hostname));
  snprintf(text, sizeof text, "%s\n", hostname);
  say_in_etc("hostname", text);
  snprintf(text, sizeof text, "127.0.0.1 localhost %s\n::1 localhost\n", hostname);
  say_in_etc("hosts", text);
  read_file(AT_FDCWD, uuids, &boot);
  put(&boot, "", 1);
  say_in_etc("boot_id", boot.at);
  read_file(AT_FDCWD, uuids, &machine);
  put(&machine, "", 1);
  for (const char *from = *machine_id ? machine_id : machine.at; *from; from++)
    if (*from != '-' && *from != '\n') *to++ = *from;
  memcpy(to, "\n", 2);
  say_in_etc("machine-id", text);
  release(&boot);
  release(&machine);
}

static void cover_file(const char *name, const char *text) {
  char from[64], to[64];
  snprintf(from, sizeof from, "/etc/%s", name);
  snprintf(to, sizeof to, "/machine/etc/%s", name);
  if (text) say_in_etc(name, text);
  struct stat is;
  if (lstat(to, &is) == 0 && S_ISLNK(is.st_mode)) unlink(to);
  close(open(to, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644));
  mount(from, to, NULL, MS_BIND, NULL);
}

static void bind_modules(void) {
  struct bytes release_name = {0};
  char target[256];
  if (!read_file(AT_FDCWD, "/proc/sys/kernel/osrelease", &release_name)) return;
  release_name.at[release_name.length - 1] = 0;
  mkdir("/machine/lib/modules", 0755);
  snprintf(target, sizeof target, "/machine/lib/modules/%s", release_name.at);
  mkdir(target, 0755);
  if (mount("/disk/modules", target, NULL, MS_BIND, NULL) == 0)
    mount(NULL, target, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL);
}

// What systemd must not do here: take the machine's id for good, or run apt behind a job's back; nor is there anybody to log in.
static void mask_units(void) {
  const char *const units[] = {"systemd-machine-id-commit.service", "apt-daily.timer", "apt-daily-upgrade.timer",
    "console-getty.service", "getty@tty1.service"};
  if (mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")) return;
  mkdir("/run/systemd", 0755);
  mkdir("/run/systemd/system", 0755);
  for (size_t at = 0; at < sizeof units / sizeof *units; at++) {
    char path[128];
    snprintf(path, sizeof path, "/run/systemd/system/%s", units[at]);
    if (symlink("/dev/null", path)) return;
  }
}

static void reap_forever(void) {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child, NULL);
  for (;;) {
    sigwaitinfo(&child, NULL);
    while (waitpid(-1, NULL, WNOHANG) > 0) continue;
  }
}

// The machine's init. What it says on `ready` is why there is none; nothing, where there is.
static void become_init(int ready) {
  if (!write_file("/sys/fs/cgroup/layer/cgroup.procs", "0") || unshare(CLONE_NEWCGROUP | CLONE_NEWNS) ||
      !write_file("/sys/fs/cgroup/layer/init.scope/cgroup.procs", "0"))
    goto failed;
  write_file("/sys/fs/cgroup/cgroup.subtree_control", controllers);
  write_file("/sys/fs/cgroup/layer/cgroup.subtree_control", controllers);
  write_file("/sys/fs/cgroup/layer/jobs/cgroup.subtree_control", controllers);
  mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
  if (mount("/disk/machine", "/machine", NULL, MS_BIND, NULL)) goto failed;
  const char *const directories[] = {"proc", "sys", "dev", "run", "tmp", "etc"};
  for (int at = 0; at < 6; at++) {
    char path[64];
    snprintf(path, sizeof path, "/machine/%s", directories[at]);
    mkdir(path, 0755);
  }
  const unsigned long still = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  if (mount("proc", "/machine/proc", "proc", still, NULL) || mount("sysfs", "/machine/sys", "sysfs", still, NULL) ||
      mount("devtmpfs", "/machine/dev", "devtmpfs", MS_NOSUID, "mode=755") ||
      mount("cgroup2", "/machine/sys/fs/cgroup", "cgroup2", still, NULL))
    goto failed;
  mkdir("/machine/dev/pts", 0755);
  mkdir("/machine/dev/shm", 01777);
  mount("devpts", "/machine/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "ptmxmode=0666,mode=0620,gid=5");
  mount("tmpfs", "/machine/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
  const char *const links[][2] = {{"/proc/self/fd", "fd"}, {"fd/0", "stdin"}, {"fd/1", "stdout"}, {"fd/2", "stderr"}};
  for (int at = 0; at < 4; at++) {
    char path[64];
    snprintf(path, sizeof path, "/machine/dev/%s", links[at][1]);
    if (symlink(links[at][0], path) && errno != EEXIST) goto failed;
  }
  cover_file("resolv.conf", "nameserver 10.0.2.3\n");
  new_identity("machine", "");
  cover_file("hostname", NULL);
  cover_file("hosts", NULL);
  cover_file("machine-id", NULL);
  mount("/etc/boot_id", "/machine/proc/sys/kernel/random/boot_id", NULL, MS_BIND, NULL);
  bind_modules();
  if (chdir("/machine") || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/")) goto failed;
  int null = open("/dev/null", O_RDWR);
  for (int at = 0; at < 3; at++) dup2(null, at);
  int kept = fcntl(ready, F_DUPFD_CLOEXEC, 900);
  syscall(SYS_close_range, 3, 899, 0);
  if (access(systemd, X_OK) == 0) {
    mask_units();
    char *const environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      "NOTIFY_SOCKET=@layer-init", NULL};
    execle(systemd, "/sbin/init", NULL, environment);
  }
  close(kept);
  reap_forever();
failed:
  write_all(ready, strerror(errno), strlen(strerror(errno)));
  _exit(1);
}

// Where systemd says that it has started everything, see sd_notify(3); -1 where the machine has none.
static int listen_to_init(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "\0layer-init"};
  struct stat is;
  char path[64];
  snprintf(path, sizeof path, "/disk/machine%s", "/usr/lib/systemd/systemd");
  if (lstat(path, &is)) return -1;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (bind(fd, (struct sockaddr *)&address, offsetof(struct sockaddr_un, sun_path) + 11)) return -1;
  return fd;
}

// Whether it has said so in what has come.
int init_is_up(int fd) {
  char text[4096];
  int up = 0;
  for (ssize_t length; (length = recv(fd, text, sizeof text - 1, 0)) > 0;) {
    text[length] = 0;
    up |= strncmp(text, "READY=1", 7) == 0 || strstr(text, "\nREADY=1") != NULL;
  }
  return up;
}

static int open_namespace(const char *process, const char *kind) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%s/ns/%s", process, kind);
  return open(path, O_RDONLY | O_CLOEXEC);
}

const char *start_machine(void) {
  const char *const directories[] = {"/proc", "/sys", "/dev", "/disk", "/machine", "/views", "/etc", "/run", "/tmp"};
  for (int at = 0; at < 9; at++) mkdir(directories[at], 0755);
  mount("proc", "/proc", "proc", 0, NULL);
  mount("sysfs", "/sys", "sysfs", 0, NULL);
  mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
  load_modules();
  // The first process shares these with the kernel's own threads, and could not enter other mounts.
  unshare(CLONE_FS);
  write_file("/proc/self/oom_score_adj", "-1000");
  if (mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, NULL)) return problem("control groups");
  const char *const groups[] = {"", "/init.scope", "/jobs"};
  for (int at = 0; at < 3; at++) {
    char path[64];
    snprintf(path, sizeof path, "/sys/fs/cgroup/layer%s", groups[at]);
    if (mkdir(path, 0755)) return problem(path);
  }
  int mounted = -1;
  for (int tries = 0; mounted && tries < 5000; tries++) {
    mounted = mount("/dev/vda", "/disk", "ext4", MS_NODEV & 0, "");
    if (mounted) usleep(1000);
  }
  if (mounted) return problem("the disk");
  mkdir("/disk/layers", 0700);
  raise_network();
  const char *wrong = start_fuse();
  if (wrong) return wrong;
  init_socket = listen_to_init();
  int ready[2];
  own_pids = open_namespace("self", "pid");
  own_mounts = open_namespace("self", "mnt");
  if (pipe2(ready, O_CLOEXEC) || unshare(CLONE_NEWPID)) return problem("namespaces");
  int pid = fork();
  if (pid < 0) return problem("the machine's init");
  if (pid == 0) become_init(ready[1]);
  machine_init = pid;
  close(ready[1]);
  static char why[512];
  ssize_t length = read(ready[0], why, sizeof why - 1);
  close(ready[0]);
  if (length > 0) return why;
  char process[16];
  snprintf(process, sizeof process, "%d", pid);
  machine_pids = open_namespace("self", "pid_for_children");
  machine_mounts = open_namespace(process, "mnt");
  machine_cgroups = open_namespace(process, "cgroup");
  if (machine_pids < 0 || machine_mounts < 0 || machine_cgroups < 0) return problem("namespaces");
  if (setns(own_pids, CLONE_NEWPID)) return problem("namespaces");
  return NULL;
}

// The kernel asks for a module by a name or an alias, as modprobe(8) takes it: `-q -- NAME`.
static int load_with_needs(const char *name) {
  struct bytes list = {0};
  int result = 1;
  read_file(AT_FDCWD, "/disk/modules/modules.dep", &list);
  put(&list, "", 1);
  for (char *rest, *line = strtok_r(list.at, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
    char *colon = strchr(line, ':'), file[512];
    if (!colon) continue;
    *colon = 0;
    char *slash = strrchr(line, '/');
    snprintf(file, sizeof file, "%s", slash ? slash + 1 : line);
    file[strcspn(file, ".")] = 0;
    for (char *at = file; *at; at++)
      if (*at == '-') *at = '_';
    if (strcmp(file, name) != 0) continue;
    // The last one named is the first one needed.
    for (char *space; (space = strrchr(colon + 1, ' ')); *space = 0) {
      snprintf(file, sizeof file, "/disk/modules/%s", space + 1);
      if (space[1]) load_module(file, "");
    }
    snprintf(file, sizeof file, "/disk/modules/%s", line);
    result = load_module(file, "") ? 1 : 0;
    break;
  }
  release(&list);
  return result;
}

int modprobe(int count, char **arguments) {
  char *name = arguments[count - 1];
  struct bytes list = {0};
  int result = 1;
  char plain[256];
  snprintf(plain, sizeof plain, "%s", name);
  for (char *at = plain; *at; at++)
    if (*at == '-') *at = '_';
  if (load_with_needs(plain) == 0) return 0;
  read_file(AT_FDCWD, "/disk/modules/modules.alias", &list);
  put(&list, "", 1);
  for (char *rest, *line = strtok_r(list.at, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
    char pattern[512], module[128];
    if (sscanf(line, "alias %511s %127s", pattern, module) != 2 || fnmatch(pattern, name, 0)) continue;
    result &= load_with_needs(module);
  }
  release(&list);
  return result;
}
