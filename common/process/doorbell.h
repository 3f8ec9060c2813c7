/*
 * The doorbell: the API wakes the broker after a commit.
 *
 * A Unix datagram that means "look at the store". It is only a hint: it may be lost, merged or unfounded, and the store
 * has the truth. So ringing never blocks and has no result: if the socket's queue is full, the broker will look anyway,
 * and if there is no socket, it will look when it starts.
 */
#ifndef COMMON_PROCESS_DOORBELL_H
#define COMMON_PROCESS_DOORBELL_H

#include "common/base/base.h"
#include "common/base/error.h"

struct doorbell;

/* The sending end. `path` is the socket on which the broker listens, now or later. NULL with errno. */
struct doorbell *doorbell_open(const char *path);
void doorbell_close(struct doorbell *doorbell);

/* Any thread. */
void doorbell_ring(struct doorbell *doorbell);

/* The listening end: a non-blocking socket that replaces whatever is at `path`. -1 with errno. */
MUST_CHECK int doorbell_listen(const char *path);

/*
 * Empties the queue of a listening descriptor. True if a process of our own user or group, or root, rang. Other senders
 * are logged, at most once a minute; `*complained_ms` is the time of the last log line (monotonic; initially 0).
 */
bool doorbell_drain(int fd, int64_t *complained_ms);

#endif
