// A TCP connection to a server of the machine's, carried to the host.
#include "guest.h"
#include <netinet/in.h>
#include <sys/socket.h>

static int connect_loopback(int port) {
  struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, (struct sockaddr *)&four, sizeof four) == 0) return fd;
  close(fd);
  fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, (struct sockaddr *)&six, sizeof six) == 0) return fd;
  close(fd);
  return -1;
}

void connect_to(const struct request *request) {
  static char buffer[1 << 16];
  struct bytes outward = {0};
  int socket = connect_loopback(number(request, 0)), host_open = 1, server_open = 1;
  if (socket < 0) fail("nothing listens on port %ld of the machine", number(request, 0));
  fcntl(socket, F_SETFL, O_NONBLOCK);
  answer(request->id, "kind", 1, "connected", -1L);
  while (server_open || outward.length > 0) {
    short wants = (server_open && worker_untaken < stream_window ? POLLIN : 0) | (outward.length ? POLLOUT : 0);
    struct pollfd polled[2] = {{0, POLLIN, 0}, {wants ? socket : -1, wants, 0}};
    if (poll(polled, 2, worker_input.length > 0 ? 0 : -1) < 0) continue;
    if ((polled[0].revents || worker_input.length > 0) && !receive_data(&outward)) {
      host_open = 0;
      if (outward.length == 0) shutdown(socket, SHUT_WR);
    }
    if (outward.length > 0) {
      ssize_t count = send(socket, outward.at, outward.length, MSG_NOSIGNAL);
      if (count > 0) {
        drop(&outward, count);
        tell_taken(request, count);
        if (outward.length == 0 && !host_open) shutdown(socket, SHUT_WR);
      }
      if (count < 0 && errno != EAGAIN) outward.length = 0, server_open = 0;
    }
    if (polled[1].revents & (POLLIN | POLLHUP | POLLERR)) {
      ssize_t count = recv(socket, buffer, sizeof buffer, 0);
      if (count > 0) send_data(request, buffer, count);
      if (count == 0 || (count < 0 && errno != EAGAIN)) server_open = 0;
    }
  }
  answer(request->id, "ok", 0);
}
