// Terminals of the machine's own devpts, see pty(7) and ioctl_tty(2).
#include "guest.h"
#include <sys/ioctl.h>

int open_terminal(char *name, size_t room) {
  int unlocked = 0, number = 0;
  // The agent is in the machine's mounts for a moment only.
  if (setns(machine_mounts, CLONE_NEWNS)) return -1;
  int master = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  int problem = errno;
  if (setns(own_mounts, CLONE_NEWNS)) abort();
  errno = problem;
  if (master < 0) return -1;
  if (ioctl(master, TIOCSPTLCK, &unlocked) || ioctl(master, TIOCGPTN, &number)) {
    close(master);
    return -1;
  }
  snprintf(name, room, "/dev/pts/%d", number);
  return master;
}

void set_size(int terminal, long columns, long rows) {
  struct winsize size = {.ws_col = columns, .ws_row = rows};
  ioctl(terminal, TIOCSWINSZ, &size);
}
