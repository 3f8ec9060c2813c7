/* The doorbell, rung, drained, abandoned and replaced in any order, with strangers at the door: it
   says that it rang when it did, and never otherwise. */
#include "common/base/unix_socket.h"
#include "common/process/doorbell.h"
#include "tests/fuzz/fuzz.h"

#include <sys/socket.h>
#include <unistd.h>

static char folder[200], path[220];

static void remove_folder(void)
{
    unlink(path);
    rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    const char *temporary = getenv("TMPDIR");
    log_nothing();
    snprintf(folder, sizeof(folder), "%s/doorbell-XXXXXX", temporary ? temporary : "/tmp");
    CHECK(mkdtemp(folder));
    snprintf(path, sizeof(path), "%.200s/bell", folder);
    atexit(remove_folder);
    return 0;
}

/* Whether it was heard: somebody listens, and there is room. */
static bool send_stranger(struct choices bytes)
{
    struct sockaddr_un address;
    CHECK(unix_socket_address(path, &address));
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    ssize_t sent = sendto(fd, bytes.data, bytes.size, MSG_DONTWAIT | MSG_NOSIGNAL,
                          (const struct sockaddr *)&address, sizeof(address));
    close(fd);
    return sent >= 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct choices choices = {data, size};
    struct doorbell *doorbell = doorbell_open(path);
    int fd = -1;
    int64_t complained_ms = 0;
    bool waits = false; /* something that was not drained */
    CHECK(doorbell);
    while (choices.size > 0) {
        switch (choose(&choices, 5)) {
        case 0:
            doorbell_ring(doorbell);
            waits = waits || fd >= 0;
            break;
        case 1:
            if (fd >= 0)
                CHECK(doorbell_drain(fd, &complained_ms) == waits &&
                      !doorbell_drain(fd, &complained_ms) && !complained_ms);
            waits = false;
            break;
        case 2:
            waits = send_stranger(choose_bytes(&choices, 200)) || waits;
            break;
        case 3: /* the broker dies, and its socket stays */
            if (fd >= 0)
                close(fd);
            fd = -1;
            waits = false;
            break;
        case 4: {
            int older = fd;
            fd = doorbell_listen(path);
            CHECK(fd >= 0);
            if (older >= 0)
                close(older);
            waits = false;
            break;
        }
        }
    }
    if (fd >= 0)
        close(fd);
    doorbell_close(doorbell);
    unlink(path);
    return 0;
}
