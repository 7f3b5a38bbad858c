// SPDX-License-Identifier: Apache-2.0
// A wall clock that scripts/torture steps while a process runs. Loaded with LD_PRELOAD; MILLRACE_TORTURE_CLOCK names a file that
// holds the offset in whole seconds (int64, in the machine's byte order). Clocks that only count on are left alone.
//
// It asks the kernel itself: looking up the C library's functions calls functions that want to know the time, which is where
// libfaketime hangs redis-server.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset;

__attribute__((constructor)) static void map_offset(void) {
    const char *path = getenv("MILLRACE_TORTURE_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *page = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (page != MAP_FAILED) offset = page;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    if (syscall(SYS_clock_gettime, clock, now) != 0) return -1;
    if (offset && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += *offset;
    return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *now) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (now) *now = exact.tv_sec;
    return exact.tv_sec;
}

// Waits until a time of the wall clock, so that a step moves the end of the wait, as it does with the kernel's own clock.
int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict deadline) {
    const int64_t second = 1000000000, slice = second / 50;
    for (;;) {
        struct timespec now, until;
        clock_gettime(CLOCK_REALTIME, &now);
        int64_t left = (deadline->tv_sec - now.tv_sec) * second + deadline->tv_nsec - now.tv_nsec;
        if (left > slice) left = slice;
        if (left < 0) left = 0;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += left;
        if (until.tv_nsec >= second) {
            until.tv_sec += 1;
            until.tv_nsec -= second;
        }
        if (sem_clockwait(semaphore, CLOCK_MONOTONIC, &until) == 0) return 0;
        if (errno != ETIMEDOUT || left < slice) return -1;
    }
}
