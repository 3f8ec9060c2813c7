#include "ws-broker/stream/stream_tail.h"

#include "common/store/event_json.h"

#include <stdlib.h>

enum { MAX_PAGE_BYTES = 4 << 20 }; /* of a page's events: far above what they take */

/* One line each, because JSON has no line breaks outside of its escapes. */
static void render(struct buffer *out, const struct store_event *event)
{
    struct json_writer json = {.out = out};
    buffer_append_text(out, "id: ");
    buffer_append_integer(out, event->id);
    buffer_append_text(out, "\nevent: ");
    buffer_append_text(out, event_type_name(event->type));
    buffer_append_text(out, "\ndata: ");
    event_json_put(&json, event, false);
    buffer_append_text(out, "\n\n");
}

struct stream_page *stream_page_new(int64_t after, const struct store_event_page *events)
{
    struct stream_page *page = calloc(1, sizeof(*page));
    if (!page)
        return NULL;
    page->after = after;
    page->last = events->last;
    buffer_init(&page->bytes, MAX_PAGE_BYTES);
    page->entries = calloc(MAX(events->count, (size_t)1), sizeof(*page->entries));
    for (size_t i = 0; page->entries && i < events->count; i++) {
        render(&page->bytes, &events->events[i]);
        page->entries[page->count++] = (struct stream_entry){
            .id = events->events[i].id,
            .key = stream_key_of(&events->events[i]),
            .end = page->bytes.length,
        };
    }
    if (page->entries && !page->bytes.failed)
        return page;
    stream_page_free(page);
    return NULL;
}

void stream_page_free(struct stream_page *page)
{
    if (!page)
        return;
    buffer_fini(&page->bytes);
    free(page->entries);
    free(page);
}

size_t stream_page_size(const struct stream_page *page)
{
    return sizeof(*page) + page->count * sizeof(*page->entries) + page->bytes.capacity;
}

void stream_tail_restart(struct stream_tail *tail, int64_t last)
{
    for (struct stream_page *page; (page = stream_tail_take_first(tail));)
        stream_page_free(page);
    tail->last = last;
}

void stream_tail_append(struct stream_tail *tail, struct stream_page *page)
{
    if (tail->last_page)
        tail->last_page->next = page;
    else
        tail->first = page;
    tail->last_page = page;
    tail->last = page->last;
    tail->size += stream_page_size(page);
}

struct stream_page *stream_tail_take_first(struct stream_tail *tail)
{
    struct stream_page *page = tail->first;
    if (!page)
        return NULL;
    tail->first = page->next;
    if (!tail->first)
        tail->last_page = NULL;
    tail->size -= stream_page_size(page);
    page->next = NULL;
    return page;
}

struct stream_page *stream_tail_find(const struct stream_tail *tail, int64_t id)
{
    if (!tail->first || id < tail->first->after)
        return NULL;
    /* Most followers wait for the newest page. */
    struct stream_page *page = id >= tail->last_page->after ? tail->last_page : tail->first;
    while (page && page->last <= id)
        page = page->next;
    return page;
}
