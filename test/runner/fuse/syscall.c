/* Reads a file without any library: syscall FILE. */
static long call(long number, long a, long b, long c, long d) {
  long result;
  register long r10 __asm__("r10") = d;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
  return result;
}

void begin(long *stack) {
  static char content[4096];
  long file = call(257, -100, stack[2], 0, 0); /* openat(AT_FDCWD, argv[1], O_RDONLY) */
  long length = call(0, file, (long)content, sizeof content, 0);
  call(1, 1, (long)content, length, 0);
  call(231, length > 0 ? 0 : 1, 0, 0, 0);
}

__asm__(".globl _start\n_start: mov %rsp, %rdi\n call begin\n");
