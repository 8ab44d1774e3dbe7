// The guest's end of a channel to the host; channel.ts says what goes over the wire and why.
#include "guest.h"

static const char magic[16] = "layer-vm-hello-1";
enum { most_payload = 1 << 16 };

static void send_hello(struct channel *channel, const char *nonce, uint64_t position) {
  channel->wire.length = 0;
  put(&channel->wire, magic, 16);
  put(&channel->wire, nonce, 16);
  put_number(&channel->wire, position, 8);
}

// session (4), resumed (4), received (8), nonce (16)
static void greet(struct channel *channel, const char *at) {
  int resumed = number_at(at + 4, 4) != 0;
  uint64_t received = number_at(at + 8, 8);
  channel->session = number_at(at, 4);
  if (!resumed) {
    channel->stream.length = 0;
    channel->acknowledged = channel->sent = channel->received = 0;
  } else if (received < channel->acknowledged || received > channel->acknowledged + channel->stream.length) {
    send_hello(channel, at + 16, UINT64_MAX);
    channel->session = 0;
    return;
  } else {
    drop(&channel->stream, received - channel->acknowledged);
    channel->acknowledged = channel->sent = received;
  }
  channel->told = channel->received;
  send_hello(channel, at + 16, channel->received);
  if (!resumed && channel->begins_anew) channel->begins_anew(channel);
}

// How many bytes at `at` are done with; 0 where more must come first.
static size_t consume(struct channel *channel, const char *at, size_t length) {
  if (at[0] == 0) return 1;
  if (length < 8) return 0;
  uint32_t size = number_at(at + 4, 4);
  if (channel->session != 0 && number_at(at, 4) == channel->session && size <= most_payload) {
    if (length < 20 + (size_t)size) return 0;
    // A packet that lost its end with its connection was filled up by what came next: not with its session's number.
    if (number_at(at + 16 + size, 4) != channel->session) return 20 + size;
    uint64_t acknowledged = number_at(at + 8, 8);
    drop(&channel->stream, acknowledged - channel->acknowledged);
    channel->acknowledged = acknowledged;
    channel->received += size;
    if (size > 0) channel->data(channel, at + 16, size);
    return 20 + size;
  }
  if (length < 48 && memcmp(at, magic, length < 16 ? length : 16) == 0) return 0;
  if (memcmp(at, magic, 16) != 0) return 1;
  greet(channel, at + 16);
  return 48;
}

static void fill_wire(struct channel *channel) {
  uint64_t end = channel->acknowledged + channel->stream.length;
  int tell = channel->received - channel->told > most_payload / 2;
  if (channel->session == 0 || channel->wire.length > 0 || (channel->sent == end && !tell)) return;
  size_t size = end - channel->sent > most_payload ? most_payload : end - channel->sent;
  put_number(&channel->wire, size, 4);
  put_number(&channel->wire, channel->received, 8);
  put(&channel->wire, channel->stream.at + (channel->sent - channel->acknowledged), size);
  channel->sent += size;
  channel->told = channel->received;
}

short channel_wants(struct channel *channel) {
  fill_wire(channel);
  return channel->wire.length > 0 ? POLLIN | POLLOUT : POLLIN;
}

void channel_ready(struct channel *channel, short events) {
  if (events & POLLIN) {
    char buffer[1 << 16];
    ssize_t count = read(channel->port, buffer, sizeof buffer);
    if (count > 0) {
      put(&channel->in, buffer, count);
      size_t done = 0, step;
      while (done < channel->in.length &&
             (step = consume(channel, channel->in.at + done, channel->in.length - done)) > 0)
        done += step;
      drop(&channel->in, done);
    }
  }
  channel->away = (events & POLLHUP) != 0;
  for (int packets = 0; !channel->away && packets < 64; packets++) {
    fill_wire(channel);
    if (channel->wire.length == 0) break;
    ssize_t count = write(channel->port, channel->wire.at, channel->wire.length);
    if (count <= 0) break;
    drop(&channel->wire, count);
  }
}
