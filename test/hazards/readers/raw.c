/* Reads the file named by its only argument, without a C library: what a static program, Go or Bun looks like to whoever watches. */
static long call(long number, long a, long b, long c, long d) {
  long result;
  register long r10 asm("r10") = d;
  asm volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
  return result;
}

static void run(long *stack) {
  char **argv = (char **)(stack + 1);
  static char buffer[4096];
  long file = call(257, -100, (long)argv[1], 0, 0); /* openat */
  long count = call(0, file, (long)buffer, sizeof buffer, 0);
  if (count > 0) call(1, 1, (long)buffer, count, 0);
  call(231, count < 0, 0, 0, 0); /* exit_group */
}

asm(".globl _start\n_start:\nmov %rsp, %rdi\nand $-16, %rsp\ncall start\n");
void start(long *stack) { run(stack); }
