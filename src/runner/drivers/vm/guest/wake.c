// What makes a restored machine one of its own, before anything in it goes on.
#include "guest.h"
#include <linux/random.h>
#include <sys/ioctl.h>
#include <time.h>

// `machine_id`: 32 hex digits; a new one where it is empty. The kernel's boot id is covered by a new one, too.
void new_identity(const char *hostname, const char *machine_id) {
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

// fields: nanoseconds since 1970, entropy, host name, machine id
void wake(const struct request *request) {
  struct {
    int bits, size;
    char bytes[64];
  } entropy = {512, 64, ""};
  uint64_t now = strtoull(request->field[0].at, NULL, 10);
  struct timespec time = {now / 1000000000, now % 1000000000};
  if (request->field[1].length != sizeof entropy.bytes) fail("64 bytes of entropy are needed");
  memcpy(entropy.bytes, request->field[1].at, sizeof entropy.bytes);
  if (clock_settime(CLOCK_REALTIME, &time)) fail("clock: %s", strerror(errno));
  int fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);
  // Only both together change what the next reader gets.
  if (fd < 0 || ioctl(fd, RNDADDENTROPY, &entropy) || ioctl(fd, RNDRESEEDCRNG, 0))
    fail("entropy: %s", strerror(errno));
  new_identity(request->field[2].at, request->field[3].at);
  unlink("/disk/machine/var/lib/systemd/random-seed");
  answer(request->id, "ok", 0);
}

void synchronize(const struct request *request) {
  sync();
  answer(request->id, "ok", 0);
}
