#include "guest.h"

static struct source *sources;

void watch(struct source *source) {
  source->next = sources;
  sources = source;
}

void unwatch(struct source *source) {
  for (struct source **at = &sources; *at; at = &(*at)->next) {
    if (*at != source) continue;
    *at = source->next;
    return;
  }
}

void forget_sources(void) { sources = NULL; }

// One that was ready may have been given up by one before it.
static void let_go_on(struct source *source) {
  struct source *known = sources;
  while (known && known != source) known = known->next;
  if (known) known->ready(known);
}

void serve(struct channel *channel) {
  enum { most = 1024 };
  static struct pollfd polled[most];
  static struct source *of[most];
  for (;;) {
    int count = 1, full = channel->stream.length >= most_kept;
    short wanted = channel_wants(channel);
    // While the host is away, its port is always ready.
    polled[0] = (struct pollfd){channel->away ? -1 : channel->port, wanted, 0};
    for (struct source *at = sources; at && count < most; at = at->next) {
      short wants = at->sends && full ? at->wants & ~POLLIN : at->wants;
      if (wants == 0) continue;
      of[count] = at;
      polled[count++] = (struct pollfd){at->fd, wants, 0};
    }
    if (poll(polled, count, channel->away ? 10 : -1) < 0) continue;
    for (int at = 1; at < count; at++)
      if (polled[at].revents) let_go_on(of[at]);
    if (channel->away) {
      polled[0] = (struct pollfd){channel->port, wanted, 0};
      poll(polled, 1, 0);
    }
    wanted = channel_wants(channel);
    if (polled[0].revents || (!channel->away && wanted & POLLOUT)) channel_ready(channel, polled[0].revents);
  }
}
