// An init that behaves to whoever started it as systemd does: says when it is up (sd_notify(3)), reaps, and ends on SIGTERM.
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void end(int signal) { _exit(signal != SIGTERM); }

int main(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const char *name = getenv("NOTIFY_SOCKET"), *said = "STATUS=all is up\nREADY=1\n";
  signal(SIGTERM, end);
  sleep(1);
  FILE *file = fopen("/root/init", "w");
  fprintf(file, "%d %s\n", getpid(), name);
  fclose(file);
  snprintf(address.sun_path, sizeof address.sun_path, "%s", name);
  address.sun_path[0] = 0;
  int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  const char *early = "STATUS=not yet\n";
  socklen_t size = offsetof(struct sockaddr_un, sun_path) + strlen(name);
  sendto(fd, early, strlen(early), 0, (struct sockaddr *)&address, size);
  sendto(fd, said, strlen(said), 0, (struct sockaddr *)&address, size);
  for (;;)
    if (wait(NULL) < 0) usleep(10000);
}
