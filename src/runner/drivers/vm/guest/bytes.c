#include "guest.h"

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

void put_number(struct bytes *to, uint64_t number, int size) {
  for (int byte = size - 1; byte >= 0; byte--) put(to, &(char){number >> 8 * byte}, 1);
}

uint64_t number_at(const char *at, int size) {
  uint64_t number = 0;
  for (int byte = 0; byte < size; byte++) number = number << 8 | (unsigned char)at[byte];
  return number;
}

void drop(struct bytes *from, size_t length) {
  from->length -= length;
  from->at += length;
  from->taken += length;
  if (from->length > 0) return;
  from->at -= from->taken;
  from->taken = 0;
}

size_t whole_frame(const struct bytes *from) {
  if (from->length < 4) return 0;
  size_t length = 4 + number_at(from->at, 4);
  return length <= from->length ? length : 0;
}
