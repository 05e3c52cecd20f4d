// A world whose time and names a test can change, put before the C library by LD_PRELOAD: connections
// to Threads live for minutes, and a name moves when its owner likes.
// The file that $WORLD names holds how far the clocks are ahead, in seconds (8 bytes, this machine's
// order), and the address of every name as text, with its NUL.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const struct {
  int64_t ahead;
  char address[56];
} volatile *world;

__attribute__((constructor)) static void open_world(void) {
  const int file = open(getenv("WORLD"), O_RDONLY | O_CLOEXEC);
  void *const map = mmap(NULL, sizeof *world, PROT_READ, MAP_SHARED, file, 0);
  if (map == MAP_FAILED) abort();
  world = map;
  close(file);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  const long result = syscall(SYS_clock_gettime, clock, now);
  if (world != NULL) now->tv_sec += world->ahead;
  return (int)result;
}

time_t time(time_t *now) {
  struct timespec all;
  clock_gettime(CLOCK_REALTIME, &all);
  if (now != NULL) *now = all.tv_sec;
  return all.tv_sec;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
  int (*const real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = dlsym(RTLD_NEXT, "getaddrinfo");
  (void)name;
  return real((const char *)world->address, service, hints, found);
}
