/* WebSocket frames of a server, byte by byte (RFC 6455, 5.2 and 5.7). */
#include "tests/unit/unit.h"
#include "ws-broker/net/ws_frame.h"

#include <stdlib.h>

static void frames_follow_one_another(void **state)
{
    struct buffer out;
    (void)state;
    buffer_init(&out, 1000);
    size_t begin = ws_frame_begin(&out);
    buffer_append_text(&out, "Hello");
    ws_frame_end(&out, begin, WS_FRAME_TEXT);
    ws_frame_end(&out, ws_frame_begin(&out), WS_FRAME_PING);
    begin = ws_frame_begin(&out);
    buffer_append(&out, "\x03\xe8", 2);
    ws_frame_end(&out, begin, WS_FRAME_CLOSE);
    static const char expected[] = "\x81\x05Hello\x89\x00\x88\x02\x03\xe8";
    assert_int_equal(out.length, sizeof(expected) - 1);
    assert_memory_equal(out.data, expected, sizeof(expected)); /* and its NUL */
    buffer_fini(&out);
}

static void the_length_has_three_forms(void **state)
{
    static const struct {
        size_t length, head;
    } cases[] = {{0, 2},   {1, 2},     {125, 2},    {126, 4},   {255, 4},
                 {256, 4}, {65535, 4}, {65536, 10}, {70000, 10}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        size_t length = cases[i].length;
        char *payload = malloc(length + 1);
        memset(payload, 'x', length);
        struct buffer out;
        buffer_init(&out, 100000);
        buffer_append_text(&out, "before");
        size_t begin = ws_frame_begin(&out);
        buffer_append(&out, payload, length);
        ws_frame_end(&out, begin, WS_FRAME_TEXT);
        const unsigned char *head = (unsigned char *)out.data + 6;
        assert_int_equal(out.length, 6 + cases[i].head + length);
        size_t announced = head[1] & 127u;
        if (announced >= 126)
            announced = 0;
        for (size_t j = 2; j < cases[i].head; j++)
            announced = announced << 8 | head[j];
        assert_int_equal(announced, length);
        assert_int_equal(head[1], cases[i].head == 2 ? length : cases[i].head == 4 ? 126 : 127);
        assert_memory_equal(head + cases[i].head, payload, length);
        assert_int_equal(out.data[out.length], '\0');
        buffer_fini(&out);
        free(payload);
    }
}

static void what_is_abandoned_leaves_nothing(void **state)
{
    struct buffer out;
    (void)state;
    buffer_init(&out, 100);
    buffer_append_text(&out, "before");
    size_t begin = ws_frame_begin(&out);
    buffer_append_text(&out, "half");
    ws_frame_abandon(&out, begin);
    assert_string_equal(out.data, "before");
    assert_int_equal(out.length, 6);
    buffer_fini(&out);
}

static void a_buffer_that_failed_is_left_alone(void **state)
{
    struct buffer out;
    (void)state;
    buffer_init(&out, 12);
    size_t begin = ws_frame_begin(&out);
    buffer_append_text(&out, "longer");
    ws_frame_end(&out, begin, WS_FRAME_TEXT);
    ws_frame_abandon(&out, begin);
    assert_true(out.failed);
    buffer_fini(&out);
}

UNIT_TESTS(cmocka_unit_test(frames_follow_one_another),
           cmocka_unit_test(the_length_has_three_forms),
           cmocka_unit_test(what_is_abandoned_leaves_nothing),
           cmocka_unit_test(a_buffer_that_failed_is_left_alone))
