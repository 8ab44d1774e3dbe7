#include "guest.h"
#include <arpa/inet.h>
#include <endian.h>
#include <stdarg.h>

void put(struct bytes *to, const void *from, size_t length) {
  if (to->taken + to->length + length > to->room) {
    char *whole = to->at - to->taken;
    if (to->taken > 0) memmove(whole, to->at, to->length);
    to->taken = 0;
    if (to->length + length > to->room / 2) {
      to->room = (to->length + length) * 2;
      whole = realloc(whole, to->room);
      if (!whole) abort();
    }
    to->at = whole;
  }
  if (length) memcpy(to->at + to->length, from, length);
  to->length += length;
}

void put32(struct bytes *to, uint32_t number) {
  uint32_t bytes = htonl(number);
  put(to, &bytes, 4);
}

void put64(struct bytes *to, uint64_t number) {
  uint64_t bytes = htobe64(number);
  put(to, &bytes, 8);
}

void drop(struct bytes *from, size_t length) {
  from->length -= length;
  from->at += length;
  from->taken += length;
  if (from->length > 0) return;
  from->at -= from->taken;
  from->taken = 0;
}

void release(struct bytes *bytes) {
  free(bytes->at - bytes->taken);
  *bytes = (struct bytes){0};
}

uint32_t get32(const void *at) {
  uint32_t bytes;
  memcpy(&bytes, at, 4);
  return ntohl(bytes);
}

uint64_t get64(const void *at) {
  uint64_t bytes;
  memcpy(&bytes, at, 8);
  return be64toh(bytes);
}

void put_field(struct bytes *to, const char *at, long length) {
  size_t size = length < 0 ? strlen(at) : (size_t)length;
  put32(to, size);
  put(to, at, size);
}

static void send_frame(const char *id, const char *kind, const struct bytes *fields) {
  struct bytes frame = {0};
  put32(&frame, 8 + strlen(id) + strlen(kind) + fields->length);
  put_field(&frame, id, -1);
  put_field(&frame, kind, -1);
  put(&frame, fields->at, fields->length);
  channel_send(&agent, frame.at, frame.length);
  release(&frame);
}

void answer(const char *id, const char *kind, int count, ...) {
  struct bytes fields = {0};
  va_list list;
  va_start(list, count);
  while (count-- > 0) {
    const char *at = va_arg(list, const char *);
    put_field(&fields, at, va_arg(list, long));
  }
  va_end(list);
  send_frame(id, kind, &fields);
  release(&fields);
}

void answer_text(const char *id, const char *kind, const char *format, ...) {
  char *text;
  va_list list;
  va_start(list, format);
  if (vasprintf(&text, format, list) < 0) abort();
  va_end(list);
  answer(id, kind, 1, text, -1L);
  free(text);
}

int parse(struct bytes *from, struct request *request, size_t *size) {
  if (from->length < 4 || from->length < 4 + (size_t)get32(from->at)) return 0;
  *size = 4 + (size_t)get32(from->at);
  char *at = from->at + 4, *end = from->at + *size;
  struct field all[18];
  int count = 0;
  // Each length is read before the byte there becomes the end of the field in front of it.
  uint32_t length = at + 4 <= end ? get32(at) : 0;
  while (at + 4 <= end && count < 18) {
    char *text = at + 4;
    if (length > (size_t)(end - text)) break;
    at = text + length;
    uint32_t next = at + 4 <= end ? get32(at) : 0;
    all[count++] = (struct field){text, length};
    if (at < end) *at = 0;
    length = next;
  }
  // The last field ends where the next frame begins: it moves down over its own length, which is read.
  if (count > 0) {
    struct field *last = &all[count - 1];
    memmove(last->at - 1, last->at, last->length);
    last->at -= 1;
    last->at[last->length] = 0;
  }
  request->id = count > 0 ? all[0].at : "";
  request->what = count > 1 ? all[1].at : "";
  request->fields = count > 2 ? count - 2 : 0;
  for (int i = 0; i < request->fields; i++) request->field[i] = all[i + 2];
  for (int i = request->fields; i < 16; i++) request->field[i] = (struct field){"", 0};
  return 1;
}

long number(const struct request *request, int field) { return strtol(request->field[field].at, NULL, 10); }
