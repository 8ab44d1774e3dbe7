/* Opens and reads a file by io_uring alone: io-uring FILE. Exits with 77 where the kernel does not have it. */
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static int ring;
static char *submission, *completion;
static struct io_uring_sqe *entries;
static struct io_uring_params params;

static int run(struct io_uring_sqe entry) {
  unsigned *tail = (unsigned *)(submission + params.sq_off.tail);
  unsigned index = *tail & (params.sq_entries - 1);
  entries[index] = entry;
  ((unsigned *)(submission + params.sq_off.array))[index] = index;
  atomic_store((_Atomic unsigned *)tail, *tail + 1);
  if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0) return -1;
  unsigned *head = (unsigned *)(completion + params.cq_off.head);
  struct io_uring_cqe *result = (struct io_uring_cqe *)(completion + params.cq_off.cqes) + (*head & (params.cq_entries - 1));
  int code = result->res;
  atomic_store((_Atomic unsigned *)head, *head + 1);
  return code;
}

int main(int count, char **arguments) {
  char content[4096];
  if (count != 2) return 2;
  ring = syscall(SYS_io_uring_setup, 4, &params);
  if (ring < 0) return 77;
  size_t size = params.sq_off.array + params.sq_entries * sizeof(unsigned);
  size_t other = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
  submission = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
  completion = mmap(NULL, other, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_CQ_RING);
  entries = mmap(NULL, params.sq_entries * sizeof(*entries), PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
  int file = run((struct io_uring_sqe){.opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .addr = (unsigned long)arguments[1], .open_flags = O_RDONLY});
  if (file < 0) return 1;
  int length = run((struct io_uring_sqe){.opcode = IORING_OP_READ, .fd = file, .addr = (unsigned long)content, .len = sizeof content});
  if (length < 0) return 1;
  return fwrite(content, 1, length, stdout) == (size_t)length ? 0 : 1;
}
