/*
 * Free space on the disk. New messages are refused before the disk is full, so that reports about stored messages can
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

/* Whether the disk of that file has less free than min_free_bytes. Checked once a second. */
MUST_CHECK bool disk_is_full(struct disk *disk, const char *path);

/* The size of a file; 0 if it does not exist, or `path` is NULL. */
int64_t disk_file_bytes(const char *path);

#endif
