/*
 * The doorbell: the API wakes the broker after a commit.
 *
 * A Unix datagram that means "look at the store". It is a hint: it may be lost, merged or come from
 * nowhere, and the broker finds the truth in the store. So ringing never blocks and has no result:
 * a full queue (Linux keeps about ten) means that the broker will look anyway, and no socket means
 * that it will look when it starts.
 */
#ifndef COMMON_PROCESS_DOORBELL_H
#define COMMON_PROCESS_DOORBELL_H

#include "common/base/base.h"
#include "common/base/error.h"

struct doorbell;

/* The ringing end. `path` is where the broker listens, now or later. NULL with errno. */
struct doorbell *doorbell_open(const char *path);
void doorbell_close(struct doorbell *doorbell);

/* Any thread. */
void doorbell_ring(struct doorbell *doorbell);

/* The listening end: a non-blocking socket that replaces whatever is at `path`. -1 with errno. */
MUST_CHECK int doorbell_listen(const char *path);

/*
 * Empties the queue of a listening descriptor, as far as it is not filled meanwhile. True when
 * somebody rang who may: our own user or group, or root. Others are logged, once a minute at most;
 * `*complained_ms` has when (monotonic; it begins with 0).
 */
bool doorbell_drain(int fd, int64_t *complained_ms);

#endif
