/*
 * Room on the disk. New messages are refused while some is left, so that reports about the messages that are there can
 * still be written.
 */
#ifndef COMMON_STORE_SQLITE_DISK_H
#define COMMON_STORE_SQLITE_DISK_H

#include "common/base/base.h"

struct disk {
    int64_t min_free_bytes; /* 0: not checked */
    int64_t next_check_ms;  /* monotonic */
    bool full;
};

/* Whether less is free on the disk of that file than there should be, as of a second ago at most. */
MUST_CHECK bool disk_is_full(struct disk *disk, const char *path);

/* The size of a file; 0 where there is none, or no name. */
int64_t disk_file_bytes(const char *path);

#endif
