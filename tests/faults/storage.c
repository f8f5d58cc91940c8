/* Stands between a program and its storage (LD_PRELOAD): writes down what is done to the files of one folder,
 * and refuses what it is told to refuse. Without it loaded nothing of the program changes; with it loaded
 * nothing changes until `storage_record` or `storage_fail` is called.
 *
 * A record of the trace is eight words of 64 bit, then the path, then the data:
 *     operation, file, offset, length of the data, length of the path, length of the second path, 0, 0
 * Operations: w write, s sync, t truncate, o open (made), r rename, u unlink, d sync of the folder, a acknowledged.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[4096];
static size_t root_size;
static int trace = -1;
static int ledger = -1;
static char fail_kind;
static long fail_left;
static int fail_error;
static long fail_times;

static void put(char op, uint64_t file, uint64_t offset, const void *data, uint64_t size, const char *path, const char *second)
{
    uint64_t head[8] = {(uint64_t)op, file, offset, size, path ? strlen(path) : 0, second ? strlen(second) : 0, 0, 0};
    syscall(SYS_write, trace, head, sizeof head);
    if (path) syscall(SYS_write, trace, path, head[4]);
    if (second) syscall(SYS_write, trace, second, head[5]);
    if (size && data) syscall(SYS_write, trace, data, size);
}

static int ours(const char *path)
{
    return root_size && path && strncmp(path, root, root_size) == 0;
}

/* The file behind a descriptor, 0 where it is none of ours. */
static uint64_t file_of(int fd, char *path)
{
    char link[64];
    struct stat st;
    if (!root_size || fd < 0) return 0;
    strcpy(link, "/proc/self/fd/");
    char digits[16];
    int n = 0, f = fd;
    do { digits[n++] = (char)('0' + f % 10); f /= 10; } while (f);
    size_t at = strlen(link);
    while (n) link[at++] = digits[--n];
    link[at] = 0;
    ssize_t size = syscall(SYS_readlink, link, path, 4095);
    if (size <= 0) return 0;
    path[size] = 0;
    if (!ours(path)) return 0;
    if (fstat(fd, &st)) return 0;
    return (uint64_t)st.st_ino;
}

static int refuse(char kind)
{
    if (fail_kind != kind && fail_kind != '*') return 0;
    if (fail_left > 0 && --fail_left > 0) return 0;
    if (fail_left < 0 || fail_times == 0) return 0;
    fail_times--;
    fail_left = 1;
    errno = fail_error;
    return 1;
}

void storage_record(const char *folder, int trace_fd, int ledger_fd)
{
    strncpy(root, folder, sizeof root - 1);
    root_size = strlen(root);
    trace = trace_fd;
    ledger = ledger_fd;
}

/* The k-th operation of a kind (w s r o t *) in the folder ends with an error, and the times - 1 after it. */
void storage_fail(const char *folder, char kind, long k, int error, long times)
{
    strncpy(root, folder, sizeof root - 1);
    root_size = strlen(root);
    fail_kind = kind;
    fail_left = k;
    fail_error = error;
    fail_times = times;
}

static ssize_t writing(int fd, const void *data, size_t size, off_t offset, ssize_t (*call)(int, const void *, size_t, off_t))
{
    char path[4096];
    if (ledger >= 0 && fd == ledger) {
        pthread_mutex_lock(&lock);
        put('a', 0, 0, data, size, NULL, NULL);
        pthread_mutex_unlock(&lock);
        return call(fd, data, size, offset);
    }
    uint64_t file = file_of(fd, path);
    if (!file) return call(fd, data, size, offset);
    pthread_mutex_lock(&lock);
    ssize_t done = refuse('w') ? -1 : call(fd, data, size, offset);
    if (done > 0 && trace >= 0) put('w', file, (uint64_t)(offset < 0 ? lseek(fd, 0, SEEK_CUR) - done : offset), data, (uint64_t)done, path, NULL);
    pthread_mutex_unlock(&lock);
    return done;
}

static ssize_t plain_write(int fd, const void *data, size_t size, off_t offset)
{
    (void)offset;
    return syscall(SYS_write, fd, data, size);
}

static ssize_t plain_pwrite(int fd, const void *data, size_t size, off_t offset)
{
    return syscall(SYS_pwrite64, fd, data, size, offset);
}

ssize_t write(int fd, const void *data, size_t size) { return writing(fd, data, size, -1, plain_write); }
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) { return writing(fd, data, size, offset, plain_pwrite); }
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) { return writing(fd, data, size, offset, plain_pwrite); }

static ssize_t reading(int fd, void *data, size_t size, off_t offset)
{
    char path[4096];
    if (fail_kind && file_of(fd, path)) {
        pthread_mutex_lock(&lock);
        int no = refuse('r');
        pthread_mutex_unlock(&lock);
        if (no) return -1;
    }
    return offset < 0 ? syscall(SYS_read, fd, data, size) : syscall(SYS_pread64, fd, data, size, offset);
}

ssize_t read(int fd, void *data, size_t size) { return reading(fd, data, size, -1); }
ssize_t pread(int fd, void *data, size_t size, off_t offset) { return reading(fd, data, size, offset); }
ssize_t pread64(int fd, void *data, size_t size, off64_t offset) { return reading(fd, data, size, offset); }

static int syncing(int fd, long number)
{
    char path[4096];
    struct stat st;
    uint64_t file = file_of(fd, path);
    if (!file) return (int)syscall(number, fd);
    pthread_mutex_lock(&lock);
    int done = refuse('s') ? -1 : (int)syscall(number, fd);
    if (done == 0 && trace >= 0) {
        fstat(fd, &st);
        put(S_ISDIR(st.st_mode) ? 'd' : 's', file, 0, NULL, 0, path, NULL);
    }
    pthread_mutex_unlock(&lock);
    return done;
}

int fsync(int fd) { return syncing(fd, SYS_fsync); }
int fdatasync(int fd) { return syncing(fd, SYS_fdatasync); }

static int truncating(int fd, off_t size)
{
    char path[4096];
    uint64_t file = file_of(fd, path);
    if (!file) return (int)syscall(SYS_ftruncate, fd, size);
    pthread_mutex_lock(&lock);
    int done = refuse('t') ? -1 : (int)syscall(SYS_ftruncate, fd, size);
    if (done == 0 && trace >= 0) put('t', file, (uint64_t)size, NULL, 0, path, NULL);
    pthread_mutex_unlock(&lock);
    return done;
}

int ftruncate(int fd, off_t size) { return truncating(fd, size); }
int ftruncate64(int fd, off64_t size) { return truncating(fd, size); }

static int opening(int folder, const char *path, int flags, mode_t mode)
{
    if (!ours(path)) return (int)syscall(SYS_openat, folder, path, flags, mode);
    pthread_mutex_lock(&lock);
    struct stat st;
    int there = stat(path, &st) == 0;
    int fd = refuse('o') ? -1 : (int)syscall(SYS_openat, folder, path, flags, mode);
    if (fd >= 0 && trace >= 0 && (!there || flags & O_TRUNC)) {
        fstat(fd, &st);
        if (!there) put('o', (uint64_t)st.st_ino, 0, NULL, 0, path, NULL);
        else put('t', (uint64_t)st.st_ino, 0, NULL, 0, path, NULL);
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

#define OPEN(name, folder_argument, folder)                                        \
    int name(folder_argument const char *path, int flags, ...)                     \
    {                                                                              \
        mode_t mode = 0;                                                           \
        if (flags & (O_CREAT | __O_TMPFILE)) {                                     \
            va_list more;                                                          \
            va_start(more, flags);                                                 \
            mode = va_arg(more, mode_t);                                           \
            va_end(more);                                                          \
        }                                                                          \
        return opening(folder, path, flags, mode);                                 \
    }
#define NONE
#define FOLDER int at,
OPEN(open, NONE, AT_FDCWD)
OPEN(open64, NONE, AT_FDCWD)
OPEN(openat, FOLDER, at)
OPEN(openat64, FOLDER, at)

int unlink(const char *path)
{
    if (!ours(path)) return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    pthread_mutex_lock(&lock);
    int done = refuse('u') ? -1 : (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    if (done == 0 && trace >= 0) put('u', 0, 0, NULL, 0, path, NULL);
    pthread_mutex_unlock(&lock);
    return done;
}

int rename(const char *from, const char *to)
{
    if (!ours(from)) return REAL(rename)(from, to);
    pthread_mutex_lock(&lock);
    int done = refuse('u') ? -1 : REAL(rename)(from, to);
    if (done == 0 && trace >= 0) put('r', 0, 0, NULL, 0, from, to);
    pthread_mutex_unlock(&lock);
    return done;
}
