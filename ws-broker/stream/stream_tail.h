/*
 * Rendered events: pages of them, and the tail of the stream, the newest pages, which all its followers share. An event is
 * read and rendered once, however many follow. Pure; one thread at a time.
 */
#ifndef WS_BROKER_STREAM_STREAM_TAIL_H
#define WS_BROKER_STREAM_STREAM_TAIL_H

#include "common/base/buffer.h"
#include "ws-broker/stream/stream_filter.h"

struct stream_entry {
    int64_t id;
    struct stream_key key;
    size_t end; /* of its bytes in those of the page; they begin where the entry before it ends */
};

struct stream_page {
    struct stream_page *next;     /* in the tail */
    int64_t after, last;          /* it has what was there after `after`, up to `last` */
    struct stream_entry *entries; /* ascending by id */
    size_t count;
    struct buffer bytes; /* Server-Sent Events, ready to be sent */
};

/* Renders a page of the store, which looked at what is after `after`. NULL: no memory. */
struct stream_page *stream_page_new(int64_t after, const struct store_event_page *events);
void stream_page_free(struct stream_page *page); /* NULL: nothing */

/* What it takes in memory, about. */
size_t stream_page_size(const struct stream_page *page);

struct stream_tail {
    struct stream_page *first, *last_page; /* NULL: none */
    int64_t last;                          /* up to here it was read */
    size_t size;                           /* of all pages */
};

/* Empties it; it goes on after `last`. */
void stream_tail_restart(struct stream_tail *tail, int64_t last);

/* Appends a page that begins where the tail ends; the tail owns it. */
void stream_tail_append(struct stream_tail *tail, struct stream_page *page);

/* Takes the first page off, for the caller to free. NULL without one. */
struct stream_page *stream_tail_take_first(struct stream_tail *tail);

/* The page with what comes after `id`; NULL: it is before the tail, or nothing comes. */
struct stream_page *stream_tail_find(const struct stream_tail *tail, int64_t id);

#endif
