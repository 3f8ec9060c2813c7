#include "common/base/log_output.h"

#include "common/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PATIENCE_MS = 2000,
    IMPATIENT_MS = 60000, /* after that was in vain */
};

static int output = STDERR_FILENO;
static bool must_ask;                     /* a write would wait */
static atomic_int_fast64_t patient_at_ms; /* monotonic */
static atomic_uint dropped;

/* Other programs have the same open file, and do not expect it to be non-blocking: it is opened a second time. */
void log_output_open(void)
{
    struct stat status;
    if (fstat(STDERR_FILENO, &status) < 0 ||
        !(S_ISFIFO(status.st_mode) || (S_ISCHR(status.st_mode) && isatty(STDERR_FILENO))))
        return;
    int fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    must_ask = fd < 0; /* perhaps it is another user's */
    if (fd >= 0)
        output = fd;
}

static bool has_room(int wait_ms)
{
    struct pollfd descriptor = {.fd = output, .events = POLLOUT};
    return poll(&descriptor, 1, wait_ms) != 0; /* an error is told by the write */
}

static bool wait_for_room(void)
{
    if (clock_monotonic_ms() < atomic_load(&patient_at_ms))
        return false;
    if (has_room(PATIENCE_MS))
        return true;
    atomic_store(&patient_at_ms, clock_monotonic_ms() + IMPATIENT_MS);
    return false;
}

static ssize_t write_some(const char *bytes, size_t length)
{
    if (!must_ask || has_room(0))
        return write(output, bytes, length);
    errno = EAGAIN;
    return -1;
}

static unsigned count_lines(const char *bytes, size_t length)
{
    unsigned count = 0;
    for (const char *end = bytes + length; (bytes = memchr(bytes, '\n', (size_t)(end - bytes)));
         bytes++)
        count++;
    return count;
}

bool log_output_write(const char *lines, size_t length)
{
    while (length > 0) {
        ssize_t written = write_some(lines, length);
        if (written > 0) {
            lines += written;
            length -= (size_t)written;
        } else if (written < 0 && errno == EAGAIN && !wait_for_room()) {
            atomic_fetch_add(&dropped, count_lines(lines, length));
            return false;
        } else if (written == 0 || (errno != EAGAIN && errno != EINTR)) {
            return true; /* there is no other place to report it */
        }
    }
    return true;
}

unsigned log_output_take_dropped(void)
{
    return atomic_load_explicit(&dropped, memory_order_relaxed) == 0 ? 0
                                                                     : atomic_exchange(&dropped, 0);
}

void log_output_return_dropped(unsigned count)
{
    atomic_fetch_add(&dropped, count);
}
