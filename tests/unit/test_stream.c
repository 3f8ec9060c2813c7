/* The event stream without sockets and store: what a follower gets, wherever its connection breaks and however it reads. */
#include "tests/unit/unit.h"
#include "ws-broker/stream/stream_follower.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVENTS = 12, OLDEST = 3, NEWEST = OLDEST + 2 * (EVENTS - 1) };

static const struct stream_filter everything = {.types = EVENT_TYPES_ALL};
static const struct stream_filter only_sent = {.types = EVENT_BIT(EVENT_MESSAGE_SENT)};

/* ---- A store: events with gaps between their ids ---- */

static struct store_event event_at(int i)
{
    struct store_event event = {
        .id = OLDEST + 2 * i,
        .type = i % 3 == 0 ? EVENT_MESSAGE_SENT : EVENT_DEVICE_CONNECTED,
        .at_ms = 1000,
        .status = MESSAGE_SENT,
        .message_id.bytes[0] = (unsigned char)i,
    };
    snprintf(event.device_id, sizeof(event.device_id), "phone-%d", i % 2);
    return event;
}

/* As store_list_events: up to `most` events, of `examined` that are looked at. */
static struct stream_page *read_page(const struct stream_filter *filter, int64_t after, size_t most,
                                     int examined)
{
    struct store_event events[EVENTS];
    struct store_event_page page = {.events = events, .last = after};
    for (int i = 0; i < EVENTS && page.count < most && examined > 0; i++) {
        struct store_event event = event_at(i);
        struct stream_key key = stream_key_of(&event);
        if (event.id <= after)
            continue;
        examined--;
        page.last = event.id;
        if (stream_filter_passes(filter, &key))
            events[page.count++] = event;
    }
    return stream_page_new(after, &page);
}

/* ---- A client ---- */

struct client {
    struct buffer bytes; /* of events, without the head of the answer */
    struct stream_follower follower;
};

static void begin(struct client *client, const struct stream_filter *filter, bool has_last_id,
                  int64_t last_id)
{
    *client = (struct client){.follower.filter = *filter};
    buffer_init(&client->bytes, 1 << 20);
    stream_follower_begin(&client->follower,
                          stream_follower_choose(has_last_id, last_id, OLDEST, NEWEST), last_id,
                          OLDEST, NEWEST, 0);
}

static void end(struct client *client)
{
    stream_follower_fini(&client->follower);
    buffer_fini(&client->bytes);
}

/* Its socket takes up to `most` bytes at once. False: there is nothing to send. */
static bool receive(struct client *client, const struct stream_tail *tail, size_t most)
{
    struct iovec pieces[3];
    size_t count = stream_follower_pieces(&client->follower, tail, pieces, ARRAY_LENGTH(pieces));
    size_t sent = 0;
    for (size_t i = 0; i < count && sent < most; i++) {
        size_t part = MIN(pieces[i].iov_len, most - sent);
        buffer_append(&client->bytes, pieces[i].iov_base, part);
        sent += part;
    }
    stream_follower_sent(&client->follower, tail, sent, 0);
    return count > 0;
}

/* Receives all that there is, with pages of its own while it is behind. */
static void receive_all(struct client *client, const struct stream_tail *tail, size_t most)
{
    for (;;) {
        while (receive(client, tail, most))
            ;
        if (!stream_follower_is_behind(&client->follower, tail))
            return;
        stream_follower_take_page(&client->follower, read_page(&client->follower.filter,
                                                               client->follower.passed_id, 2, 3));
    }
}

/* Reads the stream as a browser does (HTML, 9.2.6): only complete events count. Adds how often each id came with data to
   `seen`, and returns the last id. */
static int64_t parse(const char *bytes, size_t length, int seen[NEWEST + 1])
{
    const char *body = memmem(bytes, length, "\r\n\r\n", 4), *end = bytes + length;
    int64_t last_id = -1, id = -1;
    bool has_data = false;
    for (const char *line = body ? body + 4 : end, *next; line < end; line = next) {
        const char *line_end = memchr(line, '\n', (size_t)(end - line));
        if (!line_end)
            break;
        next = line_end + 1;
        if (strncmp(line, "id: ", 4) == 0)
            id = atoll(line + 4);
        has_data |= strncmp(line, "data: ", 6) == 0;
        if (line_end > line)
            continue;
        last_id = id;
        if (has_data && id >= 0)
            seen[id]++;
        has_data = false;
    }
    return last_id;
}

static struct stream_tail tail_with(int64_t after, size_t page_events)
{
    struct stream_tail tail = {.last = after};
    while (tail.last < NEWEST)
        stream_tail_append(&tail, read_page(&everything, tail.last, page_events, EVENTS));
    return tail;
}

static void assert_each_once(const int seen[NEWEST + 1], const struct stream_filter *filter)
{
    for (int i = 0; i < EVENTS; i++) {
        struct store_event event = event_at(i);
        struct stream_key key = stream_key_of(&event);
        assert_int_equal(seen[event.id], stream_filter_passes(filter, &key));
    }
}

/* ---- Resuming ---- */

/* The connection breaks after any byte; the client comes back with the last id that it has. */
static void each_event_comes_once_wherever_the_connection_breaks(void **state)
{
    static const struct stream_filter *const filters[] = {&everything, &only_sent};
    (void)state;
    for (size_t f = 0; f < ARRAY_LENGTH(filters); f++) {
        struct stream_tail tail = tail_with(OLDEST - 1, 3), later = tail_with(OLDEST + 6, 2);
        struct client whole;
        begin(&whole, filters[f], true, OLDEST - 1);
        receive_all(&whole, &tail, SIZE_MAX);
        for (size_t cut = 0; cut <= whole.bytes.length; cut++) {
            int seen[NEWEST + 1] = {0};
            struct client again;
            int64_t last_id = parse(whole.bytes.data, cut, seen);
            begin(&again, filters[f], true, MAX(last_id, (int64_t)OLDEST - 1));
            receive_all(&again, cut % 2 ? &tail : &later, 1 + cut % 50);
            parse(again.bytes.data, again.bytes.length, seen);
            assert_each_once(seen, filters[f]);
            end(&again);
        }
        end(&whole);
        stream_tail_restart(&tail, 0);
        stream_tail_restart(&later, 0);
    }
}

/* The tail grows and loses pages while a client reads a few bytes at a time. */
static void each_event_comes_once_however_slowly_it_is_read(void **state)
{
    (void)state;
    for (size_t most = 1; most < 400; most++) {
        struct stream_tail tail = {.last = OLDEST - 1};
        struct client client;
        int seen[NEWEST + 1] = {0};
        begin(&client, &everything, true, OLDEST - 1);
        while (tail.last < NEWEST) {
            stream_tail_append(&tail, read_page(&everything, tail.last, 2, EVENTS));
            for (int reads = 0; reads < 3; reads++)
                (void)receive(&client, &tail, most);
            if (tail.first != tail.last_page) {
                stream_follower_leave_page(&client.follower, tail.first);
                stream_page_free(stream_tail_take_first(&tail));
            }
        }
        receive_all(&client, &tail, most);
        parse(client.bytes.data, client.bytes.length, seen);
        assert_each_once(seen, &everything);
        assert_int_equal(client.follower.events, EVENTS);
        assert_false(stream_follower_is_behind(&client.follower, &tail));
        end(&client);
        stream_tail_restart(&tail, 0);
    }
}

static void a_stream_begins_where_the_client_ended_or_says_why_not(void **state)
{
    static const struct {
        bool has_last_id;
        int64_t last_id, oldest, newest;
        enum stream_begin begin;
    } cases[] = {
        {false, 0, 1, 0, STREAM_FROM_NOW},     {false, 0, 5, 9, STREAM_FROM_NOW},
        {true, 0, 1, 0, STREAM_RESUMED},       {true, 9, 5, 9, STREAM_RESUMED},
        {true, 4, 5, 9, STREAM_RESUMED},       {true, 3, 5, 9, STREAM_RESET_TOO_OLD},
        {true, 0, 5, 9, STREAM_RESET_TOO_OLD}, {true, 10, 5, 9, STREAM_RESET_UNKNOWN},
        {true, 9, 10, 9, STREAM_RESUMED},      {true, 8, 10, 9, STREAM_RESET_TOO_OLD},
        {true, 1, 1, 0, STREAM_RESET_UNKNOWN},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        assert_int_equal(stream_follower_choose(cases[i].has_last_id, cases[i].last_id,
                                                cases[i].oldest, cases[i].newest),
                         cases[i].begin);
}

/* Both give an id: a client that breaks before its first event comes back to it. */
static void start_and_reset_tell_where_the_stream_goes_on(void **state)
{
    static const struct {
        bool has_last_id;
        int64_t last_id;
        const char *text;
    } cases[] = {
        {false, 0, "id: 25\nevent: start\ndata: {\"oldest\":3,\"newest\":25}\n\n"},
        {true, 1,
         "id: 25\nevent: reset\ndata: {\"reason\":\"too_old\",\"oldest\":3,\"newest\":25}\n\n"},
        {true, 99,
         "id: 25\nevent: reset\ndata: {\"reason\":\"unknown_id\",\"oldest\":3,\"newest\":25}\n\n"},
        {true, 25, NULL},
    };
    struct stream_tail tail = {.last = NEWEST};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct client client;
        int seen[NEWEST + 1] = {0};
        begin(&client, &everything, cases[i].has_last_id, cases[i].last_id);
        receive_all(&client, &tail, SIZE_MAX);
        assert_non_null(strstr(client.bytes.data, "HTTP/1.1 200 OK\r\n"));
        assert_non_null(strstr(client.bytes.data, "\r\n\r\nretry: 1000\n\n"));
        if (cases[i].text)
            assert_non_null(strstr(client.bytes.data, cases[i].text));
        assert_int_equal(parse(client.bytes.data, client.bytes.length, seen),
                         cases[i].text ? NEWEST : -1);
        end(&client);
    }
}

/* Retention overtakes a client that is behind. */
static void what_was_removed_meanwhile_is_told(void **state)
{
    struct stream_tail tail = {.last = NEWEST};
    struct client client;
    (void)state;
    begin(&client, &everything, true, OLDEST);
    while (receive(&client, &tail, SIZE_MAX))
        ;
    assert_true(stream_follower_is_behind(&client.follower, &tail));
    stream_follower_reset(&client.follower, OLDEST + 4, NEWEST);
    receive_all(&client, &tail, SIZE_MAX);
    assert_non_null(strstr(client.bytes.data, "event: reset\ndata: {\"reason\":\"too_old\","));
    assert_int_equal(client.follower.events, 0);
    end(&client);
}

/* ---- Filters ---- */

static void a_filter_lets_through_what_it_names(void **state)
{
    const struct message_id id = {{1}}, other = {{2}};
    char text[MESSAGE_ID_TEXT_SIZE];
    message_id_format(&id, text);
    struct store_event sent = {.type = EVENT_MESSAGE_SENT,
                               .message_id = other,
                               .batch_id = id,
                               .device_id = "a"},
                       batch = {.type = EVENT_BATCH_FINISHED},
                       device = {.type = EVENT_DEVICE_REVOKED, .device_id = "a"};
    strcpy(batch.subject, text);
    const struct store_event *events[] = {&sent, &batch, &device};
    const struct {
        struct stream_filter filter;
        bool passes[3];
    } rows[] = {
        {{.types = EVENT_TYPES_ALL}, {true, true, true}},
        {{.types = EVENT_MESSAGE_BITS}, {true, false, false}},
        {{.types = EVENT_TYPES_ALL, .batch_id = id}, {true, true, false}},
        {{.types = EVENT_TYPES_ALL, .message_id = other}, {true, false, false}},
        {{.types = EVENT_TYPES_ALL, .message_id = id}, {false, false, false}},
        {{.types = EVENT_TYPES_ALL, .device_id = "a"}, {true, false, true}},
        {{.types = EVENT_TYPES_ALL, .device_id = "A"}, {false, false, false}},
        {{.types = EVENT_BIT(EVENT_DEVICE_REVOKED), .batch_id = id}, {false, false, false}},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        for (size_t e = 0; e < ARRAY_LENGTH(events); e++) {
            struct stream_key key = stream_key_of(events[e]);
            assert_int_equal(stream_filter_passes(&rows[i].filter, &key), rows[i].passes[e]);
        }
    }
}

/* ---- Time ---- */

/* What its filter skips moves the client on, too. */
static void a_quiet_stream_is_kept_alive(void **state)
{
    static const struct stream_filter nothing = {.types = EVENT_BIT(EVENT_SENDING_PAUSED)};
    struct stream_tail tail = {.last = OLDEST - 1};
    struct client client;
    (void)state;
    begin(&client, &nothing, true, OLDEST - 1);
    receive_all(&client, &tail, SIZE_MAX);
    for (int skipped = 0; skipped < 2; skipped++) {
        if (skipped)
            stream_tail_append(&tail, read_page(&everything, tail.last, EVENTS, EVENTS));
        receive_all(&client, &tail, SIZE_MAX);
        buffer_clear(&client.bytes);
        assert_true(stream_follower_tick(&client.follower, STREAM_KEEP_ALIVE_MS - 1));
        assert_false(receive(&client, &tail, SIZE_MAX));
        assert_true(stream_follower_tick(&client.follower, STREAM_KEEP_ALIVE_MS));
        receive_all(&client, &tail, SIZE_MAX);
        assert_string_equal(client.bytes.data,
                            skipped ? ": keep-alive\nid: 25\n\n" : ": keep-alive\n\n");
    }
    end(&client);
    stream_tail_restart(&tail, 0);
}

static void who_asked_is_told_once_that_the_queue_has_changed(void **state)
{
    struct stream_tail tail = {.last = NEWEST};
    struct client client;
    (void)state;
    begin(&client, &everything, true, NEWEST);
    receive_all(&client, &tail, SIZE_MAX);
    for (int asked = 0; asked < 2; asked++) {
        client.follower.with_queue = asked;
        stream_follower_queue_changed(&client.follower);
        stream_follower_queue_changed(&client.follower);
        stream_follower_blocked(&client.follower, 1000);
        assert_true(stream_follower_tick(&client.follower, 1000)); /* later */
        assert_int_equal(client.follower.own.length, 0);
        client.follower.is_blocked = false;
        assert_true(stream_follower_tick(&client.follower, 2000));
        buffer_clear(&client.bytes);
        receive_all(&client, &tail, SIZE_MAX);
        assert_string_equal(client.bytes.length ? client.bytes.data : "",
                            asked ? "event: queue\ndata: {}\n\n" : "");
        assert_true(stream_follower_tick(&client.follower, 3000));
        assert_false(receive(&client, &tail, SIZE_MAX));
    }
    end(&client);
}

static void a_client_that_takes_nothing_is_closed(void **state)
{
    struct stream_tail tail = {.last = NEWEST};
    struct client client;
    (void)state;
    begin(&client, &everything, false, 0);
    stream_follower_blocked(&client.follower, 1000);
    assert_true(stream_follower_tick(&client.follower, 1000 + STREAM_READ_TIMEOUT_MS - 1));
    stream_follower_blocked(&client.follower, 20000); /* still the same */
    assert_false(stream_follower_tick(&client.follower, 1000 + STREAM_READ_TIMEOUT_MS));
    client.follower.is_blocked = false;
    stream_follower_sent(&client.follower, &tail, 10, 40000);
    stream_follower_blocked(&client.follower, 40001);
    assert_true(stream_follower_tick(&client.follower, 41000));
    end(&client);
}

/* Not within an event: its rest would become a part of the last lines. */
static void the_end_of_a_stream_tells_why_and_when_to_come_back(void **state)
{
    (void)state;
    for (int within = 0; within < 2; within++) {
        struct stream_tail tail = tail_with(OLDEST - 1, EVENTS);
        struct client client;
        begin(&client, &everything, true, OLDEST - 1);
        (void)receive(&client, &tail, client.follower.own.length + (within ? 5 : 0));
        buffer_clear(&client.bytes);
        stream_follower_say_end(&client.follower, "The gateway is restarting");
        receive_all(&client, &tail, SIZE_MAX);
        assert_int_equal(
            strncmp(client.bytes.data, ": The gateway is restarting\nretry: 1000\n\nid:", 44) == 0,
            !within);
        assert_int_equal(strstr(client.bytes.data, "retry") != NULL, !within);
        end(&client);
        stream_tail_restart(&tail, 0);
    }
}

static void the_next_pass_comes_after_a_pause_that_a_suspension_does_not_prolong(void **state)
{
    enum { BEGAN_MS = 1000, DAY_MS = 86400000 };
    (void)state;
    assert_int_equal(stream_next_pass_ms(BEGAN_MS, BEGAN_MS, false), BEGAN_MS + 2);
    assert_int_equal(stream_next_pass_ms(BEGAN_MS, BEGAN_MS, true), BEGAN_MS + 1);
    assert_int_equal(stream_next_pass_ms(BEGAN_MS, BEGAN_MS + 20, true), BEGAN_MS + 40);
    /* The time goes on while the machine is suspended. */
    assert_in_range(stream_next_pass_ms(BEGAN_MS, BEGAN_MS + DAY_MS, false), BEGAN_MS + DAY_MS,
                    BEGAN_MS + DAY_MS + 1000);
}

UNIT_TESTS(cmocka_unit_test(each_event_comes_once_wherever_the_connection_breaks),
           cmocka_unit_test(each_event_comes_once_however_slowly_it_is_read),
           cmocka_unit_test(a_stream_begins_where_the_client_ended_or_says_why_not),
           cmocka_unit_test(start_and_reset_tell_where_the_stream_goes_on),
           cmocka_unit_test(what_was_removed_meanwhile_is_told),
           cmocka_unit_test(a_filter_lets_through_what_it_names),
           cmocka_unit_test(a_quiet_stream_is_kept_alive),
           cmocka_unit_test(who_asked_is_told_once_that_the_queue_has_changed),
           cmocka_unit_test(a_client_that_takes_nothing_is_closed),
           cmocka_unit_test(the_end_of_a_stream_tells_why_and_when_to_come_back),
           cmocka_unit_test(the_next_pass_comes_after_a_pause_that_a_suspension_does_not_prolong))
