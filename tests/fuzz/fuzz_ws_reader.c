/* WebSocket frames from a client: the same bytes say the same in whatever pieces they come. */
#include "common/base/buffer.h"
#include "tests/fuzz/fuzz.h"
#include "ws-broker/net/ws_reader.h"

enum { MOST_BYTES = 8 * 1024 * 1024 }; /* of what an input says */

/* Writes what the bytes say: each payload as it is, and a letter for each event that ends something. */
static void read_in_pieces(const uint8_t *data, size_t size, size_t piece, struct buffer *said)
{
    struct ws_reader reader = {0};
    for (size_t at = 0; at < size; at += piece) {
        size_t length = MIN(piece, size - at);
        unsigned char *copy = malloc(length), *bytes = copy;
        memcpy(copy, data + at, length);
        struct ws_event event;
        do {
            ws_reader_next(&reader, &bytes, &length, &event);
            if (event.type == WS_EVENT_DATA || event.type == WS_EVENT_NONE)
                CHECK(event.length <= piece);
            else
                CHECK(event.length <= WS_CONTROL_BYTES);
            if (event.is_first)
                buffer_append_text(said, event.is_binary ? "B" : "T");
            buffer_append(said, event.bytes, event.length);
            if (event.is_last || (event.type != WS_EVENT_DATA && event.type != WS_EVENT_NONE))
                buffer_append_text(said, (const char *[]){"", "M", "p", "P", "C", "X"}[event.type]);
        } while (event.type != WS_EVENT_NONE && event.type != WS_EVENT_BROKEN);
        CHECK(event.type == WS_EVENT_BROKEN || length == 0);
        free(copy);
        if (event.type == WS_EVENT_BROKEN)
            return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer whole;
    buffer_init(&whole, MOST_BYTES);
    read_in_pieces(data, size, MAX(size, 1), &whole);
    for (size_t piece = 1; piece <= 16; piece += 5) {
        struct buffer said;
        buffer_init(&said, MOST_BYTES);
        read_in_pieces(data, size, piece, &said);
        CHECK(said.length == whole.length);
        CHECK(whole.length == 0 || memcmp(said.data, whole.data, whole.length) == 0);
        buffer_fini(&said);
    }
    buffer_fini(&whole);
    return 0;
}
