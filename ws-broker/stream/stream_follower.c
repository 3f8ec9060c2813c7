#include "ws-broker/stream/stream_follower.h"

#include "common/base/json_write.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_OWN_BYTES = 64 << 10 };

/* ---- Lines to it alone ---- */

/* An event that is of the stream and not of the store, with the id at which the client goes on. */
static void tell(struct stream_follower *follower, const char *event, const char *reason,
                 int64_t oldest, int64_t newest)
{
    struct buffer *own = &follower->own;
    struct json_writer json = {.out = own};
    buffer_append_format(own, "id: %lld\nevent: %s\ndata: ", (long long)newest, event);
    json_begin_object(&json, NULL);
    if (reason)
        json_put_text(&json, "reason", reason);
    json_put_integer(&json, "oldest", oldest);
    json_put_integer(&json, "newest", newest);
    json_end_object(&json);
    buffer_append_text(own, "\n\n");
    follower->passed_id = follower->told_id = newest;
}

const char *stream_begin_name(enum stream_begin begin)
{
    static const char *const names[] = {"now", "resumed", "too_old", "unknown_id"};
    return names[begin];
}

enum stream_begin stream_follower_choose(bool has_last_id, int64_t last_id, int64_t oldest,
                                         int64_t newest)
{
    if (!has_last_id)
        return STREAM_FROM_NOW;
    if (last_id > newest)
        return STREAM_RESET_UNKNOWN;
    return last_id < oldest - 1 ? STREAM_RESET_TOO_OLD : STREAM_RESUMED;
}

void stream_follower_begin(struct stream_follower *follower, enum stream_begin begin,
                           int64_t last_id, int64_t oldest, int64_t newest, int64_t now_ms)
{
    buffer_init(&follower->own, MAX_OWN_BYTES);
    buffer_append_format(&follower->own,
                         "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                         "X-Request-Id: %s\r\nConnection: close\r\n\r\nretry: %d\n\n",
                         follower->request_id, STREAM_RETRY_MS);
    follower->opened_at_ms = follower->sent_at_ms = follower->taken_at_ms = now_ms;
    follower->passed_id = follower->told_id = last_id;
    switch (begin) {
    case STREAM_FROM_NOW:
        tell(follower, "start", NULL, oldest, newest);
        break;
    case STREAM_RESUMED:
        break;
    case STREAM_RESET_TOO_OLD:
    case STREAM_RESET_UNKNOWN:
        tell(follower, "reset", stream_begin_name(begin), oldest, newest);
        break;
    }
}

void stream_follower_fini(struct stream_follower *follower)
{
    buffer_fini(&follower->own);
    stream_page_free(follower->own_page);
}

void stream_follower_say_end(struct stream_follower *follower, const char *why)
{
    if (follower->offset == 0)
        buffer_append_format(&follower->own, ": %s\nretry: %d\n\n", why, STREAM_RETRY_MS);
}

/* ---- The place in the pages ---- */

static void drop_page(struct stream_follower *follower)
{
    stream_page_free(follower->own_page);
    follower->own_page = NULL;
    follower->page = NULL;
    follower->index = follower->offset = 0;
}

void stream_follower_reset(struct stream_follower *follower, int64_t oldest, int64_t newest)
{
    drop_page(follower);
    tell(follower, "reset", stream_begin_name(STREAM_RESET_TOO_OLD), oldest, newest);
}

/* A place in the pages: of the follower, or ahead of it, of what is to be sent next. */
struct place {
    const struct stream_page *page;
    size_t index, offset;
    int64_t passed_id;
};

static bool is_for(const struct stream_follower *follower, const struct place *place)
{
    const struct stream_entry *entry = &place->page->entries[place->index];
    return entry->id > place->passed_id && stream_filter_passes(&follower->filter, &entry->key);
}

/* Moves on to the next entry for the follower. False: there is none, and place->page is NULL or the last page, at its end. */
static bool find_next(const struct stream_follower *follower, const struct stream_tail *tail,
                      struct place *place)
{
    for (;;) {
        if (!place->page) {
            place->page = stream_tail_find(tail, place->passed_id);
            place->index = place->offset = 0;
            if (!place->page)
                return false;
        }
        while (place->index < place->page->count && !is_for(follower, place))
            place->index++;
        if (place->index < place->page->count)
            return true;
        place->passed_id = MAX(place->passed_id, place->page->last);
        if (place->page == follower->own_page || !place->page->next)
            return false;
        place->page = place->page->next;
        place->index = place->offset = 0;
    }
}

/* The bytes of the entry that were not sent. */
static struct iovec rest_of_entry(const struct place *place)
{
    const struct stream_page *page = place->page;
    size_t begin = place->index > 0 ? page->entries[place->index - 1].end : 0;
    begin += place->offset;
    return (struct iovec){page->bytes.data + begin, page->entries[place->index].end - begin};
}

static void pass_entry(struct place *place)
{
    place->passed_id = place->page->entries[place->index].id;
    place->index++;
    place->offset = 0;
}

/* Appends to the last piece if the bytes follow it. False: there is no room. */
static bool add_piece(struct iovec pieces[], size_t *count, size_t most, struct iovec piece)
{
    struct iovec *last = *count > 0 ? &pieces[*count - 1] : NULL;
    if (last && (char *)last->iov_base + last->iov_len == piece.iov_base)
        last->iov_len += piece.iov_len;
    else if (*count < most)
        pieces[(*count)++] = piece;
    else
        return false;
    return true;
}

static struct place place_of(const struct stream_follower *follower)
{
    return (struct place){follower->page, follower->index, follower->offset, follower->passed_id};
}

static void move_to(struct stream_follower *follower, const struct place *place)
{
    int64_t passed_id = place->passed_id;
    if (follower->own_page && place->index == follower->own_page->count) {
        drop_page(follower);
    } else {
        follower->page = place->page;
        follower->index = place->index;
        follower->offset = place->offset;
    }
    follower->passed_id = passed_id;
}

/* Moves to the next event for it, past all that it does not get. False: there is none, and it reads no page. */
static bool settle(struct stream_follower *follower, const struct stream_tail *tail)
{
    for (;;) {
        struct place place = place_of(follower);
        bool had_own = follower->own_page, found = find_next(follower, tail, &place);
        move_to(follower, &place);
        if (found || !had_own)
            return found;
    }
}

size_t stream_follower_pieces(struct stream_follower *follower, const struct stream_tail *tail,
                              struct iovec pieces[], size_t most)
{
    size_t count = 0;
    struct buffer *own = &follower->own;
    bool found = settle(follower, tail);
    struct place place = place_of(follower);
    if (place.offset > 0) {
        add_piece(pieces, &count, most, rest_of_entry(&place));
        pass_entry(&place);
    }
    if (own->length > follower->own_sent &&
        !add_piece(
            pieces, &count, most,
            (struct iovec){own->data + follower->own_sent, own->length - follower->own_sent}))
        return count;
    while (found && find_next(follower, tail, &place) &&
           add_piece(pieces, &count, most, rest_of_entry(&place)))
        pass_entry(&place);
    return count;
}

/* Counts the bytes to the entry at `place`; returns how many are left. */
static size_t send_entry(struct stream_follower *follower, struct place *place, size_t bytes)
{
    size_t length = rest_of_entry(place).iov_len;
    if (bytes < length) {
        place->offset += bytes;
        return 0;
    }
    pass_entry(place);
    follower->told_id = place->passed_id;
    follower->events++;
    return bytes - length;
}

static size_t send_own(struct stream_follower *follower, size_t bytes)
{
    size_t taken = MIN(bytes, follower->own.length - follower->own_sent);
    follower->own_sent += taken;
    if (follower->own_sent == follower->own.length && taken > 0) {
        buffer_fini(&follower->own); /* it is rarely needed again */
        buffer_init(&follower->own, MAX_OWN_BYTES);
        follower->own_sent = 0;
    }
    return bytes - taken;
}

void stream_follower_sent(struct stream_follower *follower, const struct stream_tail *tail,
                          size_t bytes, int64_t now_ms)
{
    struct place place = place_of(follower);
    if (bytes > 0)
        follower->sent_at_ms = follower->taken_at_ms = now_ms;
    if (place.offset > 0)
        bytes = send_entry(follower, &place, bytes);
    if (place.offset == 0)
        bytes = send_own(follower, bytes);
    while (bytes > 0 && find_next(follower, tail, &place))
        bytes = send_entry(follower, &place, bytes);
    move_to(follower, &place);
    settle(follower, tail);
}

bool stream_follower_is_behind(struct stream_follower *follower, const struct stream_tail *tail)
{
    return !settle(follower, tail) && follower->passed_id < tail->last;
}

void stream_follower_take_page(struct stream_follower *follower, struct stream_page *page)
{
    drop_page(follower);
    follower->page = follower->own_page = page;
}

void stream_follower_leave_page(struct stream_follower *follower, const struct stream_page *page)
{
    if (follower->page != page)
        return;
    if (follower->offset > 0) {
        /* Before other lines to it alone, none of which was sent in part: that only happens between events. */
        struct buffer lines = follower->own;
        struct place place = place_of(follower);
        struct iovec rest = rest_of_entry(&place);
        buffer_init(&follower->own, MAX_OWN_BYTES);
        buffer_append(&follower->own, rest.iov_base, rest.iov_len);
        if (lines.length > 0)
            buffer_append(&follower->own, lines.data, lines.length);
        buffer_fini(&lines);
        pass_entry(&place);
        follower->passed_id = follower->told_id = place.passed_id;
        follower->events++;
    }
    drop_page(follower);
}

/* ---- Time ---- */

void stream_follower_blocked(struct stream_follower *follower, int64_t now_ms)
{
    if (!follower->is_blocked)
        follower->taken_at_ms = now_ms;
    follower->is_blocked = true;
}

void stream_follower_queue_changed(struct stream_follower *follower)
{
    follower->queue_changed = follower->with_queue;
}

bool stream_follower_tick(struct stream_follower *follower, int64_t now_ms)
{
    if (follower->is_blocked)
        return now_ms - follower->taken_at_ms < STREAM_READ_TIMEOUT_MS;
    if (follower->queue_changed && follower->own.length == 0) {
        buffer_append_text(&follower->own,
                           "event: queue\ndata: {}\n\n"); /* no id: nothing to resume */
        follower->queue_changed = false;
    }
    if (now_ms - follower->sent_at_ms < STREAM_KEEP_ALIVE_MS || follower->own.length > 0)
        return true;
    /* The id lets a client that comes back begin after what its filter has skipped. */
    buffer_append_text(&follower->own, ": keep-alive\n");
    if (follower->passed_id > follower->told_id) {
        buffer_append_format(&follower->own, "id: %lld\n", (long long)follower->passed_id);
        follower->told_id = follower->passed_id;
    }
    buffer_append_text(&follower->own, "\n");
    return true;
}

int64_t stream_next_pass_ms(int64_t began_ms, int64_t ended_ms, bool left_some)
{
    /* From one read to the next, so that followers get several events at once; and from one part of them to the next. At least
       twice as long as it took to write to a part. */
    enum {
        INTERVAL_MS = 2,
        PART_INTERVAL_MS = 1,
        LONGEST_PAUSE_MS = 1000 /* the time may hold a suspension of the machine */
    };
    int64_t interval_ms = left_some ? PART_INTERVAL_MS : INTERVAL_MS;
    int64_t pause_ms = MAX(interval_ms, 2 * (ended_ms - began_ms));
    return MIN(began_ms + pause_ms, ended_ms + LONGEST_PAUSE_MS);
}
