/*
 * Disk faults in a process: a library to preload with LD_PRELOAD.
 *
 * It intercepts the system calls on files under a path prefix, lets some of them fail, and records what a
 * power cut would lose: for each write since the last sync of a file, the bytes that it replaced.
 *
 * DISK_FAULTS_FILES    path prefix of the files
 * DISK_FAULTS_CONTROL  file with a `struct control`, which the test writes while the process runs
 * DISK_FAULTS_UNDO     folder of the undo logs, one for each file; without it, nothing is recorded
 *
 * The system calls are made directly, so that no symbol of libc has to be looked up.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_DESCRIPTORS 4096
#define MAX_FILES 1024

enum operation { EXTEND = 1, OVERWRITE = 2, SYNC = 4, OPEN = 8, TRUNCATE = 16 };

struct control {
    uint64_t operations;   /* bit set of the operations that fail */
    uint64_t passing;      /* number of these that succeed before the first fault */
    uint64_t faults;       /* number of faults left */
    uint64_t error;        /* errno of a fault */
    uint64_t injected;     /* number of faults so far */
    uint64_t ignore_syncs; /* if not 0, a sync reports success and makes nothing durable */
    uint64_t sync_delay;   /* microseconds that a sync takes in addition */
};

/* Entry of an undo log, followed by `old_count` bytes. */
struct undo {
    int64_t offset;
    int64_t old_size;
    uint64_t old_count;
    uint64_t new_count;
};

struct file {
    char path[512];
    int undo; /* descriptor of the undo log, or -1 */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct control *control;
static const char *prefix;
static const char *undo_folder;
static struct file files[MAX_FILES];
/* For each descriptor, the index of its file plus 1, or 0. */
static unsigned short file_of[MAX_DESCRIPTORS];

static void die(const char *problem)
{
    fprintf(stderr, "disk faults: %s: %s\n", problem, strerror(errno));
    abort();
}

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("DISK_FAULTS_CONTROL");
    prefix = getenv("DISK_FAULTS_FILES");
    undo_folder = getenv("DISK_FAULTS_UNDO");
    if (path == NULL || prefix == NULL)
        return;
    int fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
    void *mapped = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED)
        die("no control file");
    control = mapped;
}

static int fails(enum operation operation)
{
    if (!(control->operations & operation))
        return 0;
    if (control->passing > 0) {
        control->passing--;
        return 0;
    }
    if (control->faults == 0)
        return 0;
    control->faults--;
    control->injected++;
    return 1;
}

static int open_undo_log(const char *path)
{
    const char *name = strrchr(path, '/') + 1;
    size_t length = strlen(name);
    /* The shared memory of SQLite is rebuilt after a crash. */
    if (undo_folder == NULL || (length > 4 && strcmp(name + length - 4, "-shm") == 0))
        return -1;
    char log[1024];
    snprintf(log, sizeof log, "%s/%s", undo_folder, name);
    return syscall(SYS_openat, AT_FDCWD, log, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* Returns the index of the file plus 1, or 0 if the path is not under the prefix. */
static int find(const char *path)
{
    if (control == NULL || strncmp(path, prefix, strlen(prefix)) != 0)
        return 0;
    for (int i = 0; i < MAX_FILES; i++)
        if (strcmp(files[i].path, path) == 0)
            return i + 1;
    for (int i = 0; i < MAX_FILES; i++)
        if (files[i].path[0] == 0) {
            snprintf(files[i].path, sizeof files[i].path, "%s", path);
            files[i].undo = open_undo_log(path);
            return i + 1;
        }
    die("too many files");
    return 0;
}

static int is_watched(int fd)
{
    return fd >= 0 && fd < MAX_DESCRIPTORS && file_of[fd] != 0;
}

/* Records what the range contains before it is replaced by `new_count` bytes. */
static void record(int fd, int64_t offset, uint64_t new_count, uint64_t old_count, int64_t old_size)
{
    int log = files[file_of[fd] - 1].undo;
    if (log < 0)
        return;
    size_t length = sizeof(struct undo) + old_count;
    char *entry = malloc(length);
    struct undo undo = {offset, old_size, old_count, new_count};
    memcpy(entry, &undo, sizeof undo);
    if (old_count > 0 && syscall(SYS_pread64, fd, entry + sizeof undo, old_count, offset) != (long)old_count)
        die("cannot read what a write replaces");
    if (syscall(SYS_write, log, entry, length) != (long)length)
        die("cannot write the undo log");
    free(entry);
}

static void forget_unsynced_writes(int log)
{
    if (log >= 0 && syscall(SYS_ftruncate, log, 0) != 0)
        die("cannot truncate the undo log");
}

static ssize_t write_at(int fd, const void *bytes, size_t count, int64_t offset)
{
    pthread_mutex_lock(&lock);
    struct stat status;
    fstat(fd, &status);
    int64_t size = status.st_size;
    int64_t end = offset + (int64_t)count;
    int failing = fails(end > size ? EXTEND : OVERWRITE);
    /* A failed write may have written a part. */
    size_t written = failing ? count / 2 : count;
    int64_t readable = offset + (int64_t)written < size ? offset + (int64_t)written : size;
    record(fd, offset, written, readable > offset ? readable - offset : 0, size);
    ssize_t result = syscall(SYS_pwrite64, fd, bytes, written, offset);
    int error = failing ? (int)control->error : errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return failing ? -1 : result;
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset)
{
    return is_watched(fd) ? write_at(fd, bytes, count, offset)
                          : syscall(SYS_pwrite64, fd, bytes, count, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset)
{
    return pwrite64(fd, bytes, count, offset);
}

ssize_t write(int fd, const void *bytes, size_t count)
{
    if (!is_watched(fd))
        return syscall(SYS_write, fd, bytes, count);
    off64_t offset = lseek64(fd, 0, SEEK_CUR);
    ssize_t result = write_at(fd, bytes, count, offset);
    if (result > 0)
        lseek64(fd, offset + result, SEEK_SET);
    return result;
}

static int sync_file(int fd, long call)
{
    if (!is_watched(fd))
        return syscall(call, fd);
    usleep(control->sync_delay);
    pthread_mutex_lock(&lock);
    int result = fails(SYNC) ? -1 : 0;
    int error = (int)control->error;
    int log = files[file_of[fd] - 1].undo;
    if (result == 0 && !control->ignore_syncs) {
        result = syscall(call, fd);
        error = errno;
        if (result == 0)
            forget_unsynced_writes(log);
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

int fsync(int fd)
{
    return sync_file(fd, SYS_fsync);
}

int fdatasync(int fd)
{
    return sync_file(fd, SYS_fdatasync);
}

int ftruncate64(int fd, off64_t size)
{
    if (!is_watched(fd))
        return syscall(SYS_ftruncate, fd, size);
    pthread_mutex_lock(&lock);
    struct stat status;
    fstat(fd, &status);
    int64_t old_size = status.st_size;
    int result = -1;
    int error = (int)control->error;
    if (!fails(TRUNCATE)) {
        record(fd, size, 0, old_size > size ? old_size - size : 0, old_size);
        result = syscall(SYS_ftruncate, fd, size);
        error = errno;
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

int ftruncate(int fd, off_t size)
{
    return ftruncate64(fd, size);
}

static int open_file(const char *path, int flags, mode_t mode)
{
    pthread_mutex_lock(&lock);
    int file = find(path);
    int fd = -1;
    int error = control == NULL ? 0 : (int)control->error;
    if (file == 0 || !fails(OPEN)) {
        fd = syscall(SYS_openat, AT_FDCWD, path, flags | O_LARGEFILE, mode);
        error = errno;
        if (fd >= 0 && fd < MAX_DESCRIPTORS)
            file_of[fd] = (unsigned short)file;
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return fd;
}

int open64(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return open_file(path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return open_file(path, flags, mode);
}

int close(int fd)
{
    if (is_watched(fd))
        file_of[fd] = 0;
    return syscall(SYS_close, fd);
}

/* The removal of a file is durable at once. */
int unlink(const char *path)
{
    pthread_mutex_lock(&lock);
    int file = find(path);
    if (file != 0) {
        forget_unsynced_writes(files[file - 1].undo);
        syscall(SYS_close, files[file - 1].undo);
        files[file - 1].undo = -1;
        files[file - 1].path[0] = 0;
    }
    pthread_mutex_unlock(&lock);
    return syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}
