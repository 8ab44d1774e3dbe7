/* Opens and reads the file named by its argument through an io_uring: no openat(2), no read(2). Exits 42 where the kernel has none for us. */
#include <fcntl.h>
#include <linux/io_uring.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static int ring;
static unsigned *sqTail, *sqMask, *sqArray, *cqHead, *cqMask;
static struct io_uring_sqe *sqes;
static struct io_uring_cqe *cqes;

static int submit(struct io_uring_sqe entry) {
  unsigned tail = *sqTail, index = tail & *sqMask;
  sqes[index] = entry;
  sqArray[index] = index;
  __atomic_store_n(sqTail, tail + 1, __ATOMIC_RELEASE);
  if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, 0, 0) < 0) _exit(43);
  unsigned head = *cqHead;
  int result = cqes[head & *cqMask].res;
  __atomic_store_n(cqHead, head + 1, __ATOMIC_RELEASE);
  return result;
}

int main(int argc, char **argv) {
  struct io_uring_params parameters;
  memset(&parameters, 0, sizeof parameters);
  ring = syscall(SYS_io_uring_setup, 4, &parameters);
  if (ring < 0) return 42;
  char *sq = mmap(0, parameters.sq_off.array + parameters.sq_entries * 4, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
  char *cq = mmap(0, parameters.cq_off.cqes + parameters.cq_entries * sizeof *cqes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_CQ_RING);
  sqes = mmap(0, parameters.sq_entries * sizeof *sqes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);
  sqTail = (unsigned *)(sq + parameters.sq_off.tail);
  sqMask = (unsigned *)(sq + parameters.sq_off.ring_mask);
  sqArray = (unsigned *)(sq + parameters.sq_off.array);
  cqHead = (unsigned *)(cq + parameters.cq_off.head);
  cqMask = (unsigned *)(cq + parameters.cq_off.ring_mask);
  cqes = (struct io_uring_cqe *)(cq + parameters.cq_off.cqes);
  struct io_uring_sqe open = {.opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .addr = (unsigned long)argv[1]};
  int file = submit(open);
  if (file < 0) return 44;
  static char buffer[4096];
  struct io_uring_sqe read = {.opcode = IORING_OP_READ, .fd = file, .addr = (unsigned long)buffer, .len = sizeof buffer};
  int count = submit(read);
  if (count < 0) return 45;
  return write(1, buffer, count) != count;
}
