/* WebSocket frames of a client, in pieces of any size, and violations that break the connection. */
#include "tests/unit/unit.h"
#include "ws-broker/net/ws_reader.h"

#include <stdio.h>
#include <string.h>

/* The events of some bytes, as a text: "text(abc) ping(x) …". */
struct transcript {
    char text[1024];
};

static void add(struct transcript *out, const char *word, const void *bytes, size_t length)
{
    size_t at = strlen(out->text);
    snprintf(out->text + at, sizeof(out->text) - at, "%s(%.*s) ", word, (int)length,
             (const char *)bytes);
}

/* Feeds the bytes in pieces of that size. */
static struct transcript read_in_pieces(const void *data, size_t size, size_t piece)
{
    struct transcript out = {""};
    struct ws_reader reader = {0};
    unsigned char copy[70000], message[70000];
    size_t message_length = 0;
    memcpy(copy, data, size);
    for (size_t at = 0; at < size; at += piece) {
        unsigned char *bytes = copy + at;
        size_t length = MIN(piece, size - at);
        struct ws_event event;
        for (ws_reader_next(&reader, &bytes, &length, &event);
             event.type != WS_EVENT_NONE || length > 0;
             ws_reader_next(&reader, &bytes, &length, &event)) {
            switch (event.type) {
            case WS_EVENT_DATA:
                if (event.is_first)
                    message_length = 0;
                memcpy(message + message_length, event.bytes, event.length);
                message_length += event.length;
                if (event.is_last)
                    add(&out, event.is_binary ? "binary" : "text", message, message_length);
                break;
            case WS_EVENT_PING:
                add(&out, "ping", event.bytes, event.length);
                break;
            case WS_EVENT_PONG:
                add(&out, "pong", event.bytes, event.length);
                break;
            case WS_EVENT_CLOSE:
                add(&out, "close", event.bytes, event.length);
                break;
            case WS_EVENT_BROKEN:
                add(&out, "broken", "", 0);
                break;
            case WS_EVENT_NONE:
                break;
            }
        }
    }
    return out;
}

/* The events do not depend on how the bytes are cut. */
static void assert_says(const void *data, size_t size, const char *expected)
{
    for (size_t piece = 1; piece <= MIN(size, (size_t)20); piece++)
        assert_string_equal(read_in_pieces(data, size, piece).text, expected);
    assert_string_equal(read_in_pieces(data, size, size).text, expected);
}

#define SAYS(data, expected) assert_says(data, sizeof(data) - 1, expected)
#define MASK                 "\0\0\0\0"

static void frames_say_what_they_carry(void **state)
{
    (void)state;
    /* RFC 6455, 5.7: "Hello" with a mask */
    SAYS("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", "text(Hello) ");
    SAYS("\x81\x80" MASK, "text() ");
    SAYS("\x82\x81" MASK "x", "binary(x) ");
    SAYS("\x89\x80" MASK, "ping() ");
    SAYS("\x8a\x80" MASK, "pong() ");
    SAYS("\x8a\x81" MASK "x", "pong(x) ");
    SAYS("\x88\x80" MASK, "close() ");
    SAYS("\x88\x82" MASK "ab", "close(ab) ");
    SAYS("\x81\x81" MASK "a\x81\x81" MASK "b", "text(a) text(b) ");
}

static void fragments_make_a_message_with_control_frames_between(void **state)
{
    (void)state;
    SAYS("\x01\x81" MASK "a\x89\x81" MASK "p\x00\x80" MASK "\x00\x81" MASK "b\x8a\x80" MASK
         "\x80\x81" MASK "c",
         "ping(p) pong() text(abc) ");
    SAYS("\x01\x80" MASK "\x80\x80" MASK "\x02\x80" MASK "\x80\x81" MASK "x", "text() binary(x) ");
}

static void what_a_client_must_not_send_breaks_the_connection(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
    } cases[] = {
#define BREAKS(bytes) {bytes, sizeof(bytes) - 1}
        BREAKS("\x81\x01x"),     /* no mask (5.1) */
        BREAKS("\x89\x00"),      /* nor of a ping */
        BREAKS("\xc1\x80" MASK), /* reserved bits (5.2) */
        BREAKS("\xa1\x80" MASK),
        BREAKS("\x91\x80" MASK),
        BREAKS("\x83\x80" MASK),
        BREAKS("\x84\x80" MASK),
        BREAKS("\x85\x80" MASK),
        BREAKS("\x86\x80" MASK),
        BREAKS("\x87\x80" MASK),
        BREAKS("\x8b\x80" MASK),
        BREAKS("\x8c\x80" MASK),
        BREAKS("\x8d\x80" MASK),
        BREAKS("\x8e\x80" MASK),
        BREAKS("\x8f\x80" MASK), /* reserved opcodes */
        BREAKS("\x09\x80" MASK),
        BREAKS("\x0a\x80" MASK),
        BREAKS("\x08\x80" MASK), /* control frames in fragments (5.5) */
        BREAKS("\x89\xfe\x00\x7e" MASK),
        BREAKS("\x8a\xff"),
        BREAKS("\x88\xfe"), /* of more than 125 bytes */
        BREAKS("\x80\x80" MASK),
        BREAKS("\x00\x80" MASK), /* a continuation of nothing (5.4) */
        BREAKS("\x01\x80" MASK "\x81\x80" MASK),
        BREAKS("\x01\x80" MASK "\x02\x80" MASK), /* a message inside another */
        BREAKS("\x81\xfe\x00\x7d" MASK),
        BREAKS("\x81\xff\0\0\0\0\0\0\xff\xff" MASK), /* a length in more bytes than it needs */
        BREAKS("\x81\xff\x80\0\0\0\0\0\0\0" MASK),
        BREAKS("\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff" MASK), /* a negative one */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char data[64];
        assert_says(cases[i].bytes, cases[i].length, "broken() ");
        /* Nothing after it is read; everything before it counts. */
        memcpy(data, "\x8a\x81" MASK "x", 7);
        memcpy(data + 7, cases[i].bytes, cases[i].length);
        memcpy(data + 7 + cases[i].length, "\x81\x81" MASK "z", 7);
        assert_says(data, 14 + cases[i].length, "pong(x) broken() ");
    }
}

static void lengths_are_read_in_each_of_their_forms(void **state)
{
    static const size_t lengths[] = {1, 125, 126, 127, 65535, 65536, 66000};
    static unsigned char data[70000];
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(lengths); i++) {
        size_t length = lengths[i], digits = length <= 125 ? 0 : length <= 65535 ? 2 : 8;
        memset(data, 0, sizeof(data));
        data[0] = 0x82;
        data[1] = (unsigned char)(0x80 | (digits == 0 ? length : digits == 2 ? 126 : 127));
        for (size_t j = 0; j < digits; j++)
            data[2 + j] = (unsigned char)(length >> 8 * (digits - 1 - j));
        size_t size = 2 + digits + 4 + length;
        memcpy(data + size, "\x8a\x81" MASK "x", 7);
        struct transcript said = read_in_pieces(data, size + 7, 4096);
        assert_null(strstr(said.text, "broken"));
        assert_true(length > 900 ||
                    strstr(said.text, "pong(x)")); /* as much as there is room for */
    }
}

static void a_head_tells_what_is_to_come_before_it_comes(void **state)
{
    struct ws_reader reader = {0};
    unsigned char data[] = "\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff" MASK, *bytes = data;
    size_t length = sizeof(data) - 1;
    struct ws_event event;
    (void)state;
    ws_reader_next(&reader, &bytes, &length, &event);
    assert_int_equal(event.type, WS_EVENT_DATA);
    assert_true(event.announced == INT64_MAX);
    assert_true(event.is_first && !event.is_last && event.length == 0);
}

static void each_head_counts(void **state)
{
    struct ws_reader reader = {0};
    unsigned char data[] = "\x01\x80" MASK "\x00\x80" MASK "\x89\x80" MASK "\x80\x80" MASK,
                  *bytes = data;
    size_t length = sizeof(data) - 1;
    struct ws_event event;
    (void)state;
    do
        ws_reader_next(&reader, &bytes, &length, &event);
    while (event.type != WS_EVENT_NONE);
    assert_int_equal(reader.frames, 4);
}

UNIT_TESTS(cmocka_unit_test(frames_say_what_they_carry),
           cmocka_unit_test(fragments_make_a_message_with_control_frames_between),
           cmocka_unit_test(what_a_client_must_not_send_breaks_the_connection),
           cmocka_unit_test(lengths_are_read_in_each_of_their_forms),
           cmocka_unit_test(a_head_tells_what_is_to_come_before_it_comes),
           cmocka_unit_test(each_head_counts))
