/* The log: one line an event, and nobody but us writes its lines. */
#include "../../common/clock.h"
#include "../../common/log.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_BYTES = 4096 };

/* Standard error goes into a pipe that keeps each write(2) apart, so one read gives one line. */
static int packets, real_stderr;

static int capture(void **state)
{
    int fds[2];
    (void)state;
    log_init("test", LOG_LEVEL_DEBUG);
    real_stderr = dup(STDERR_FILENO);
    if (real_stderr < 0 || pipe2(fds, O_DIRECT | O_NONBLOCK) < 0)
        return -1;
    packets = fds[0];
    dup2(fds[1], STDERR_FILENO);
    return close(fds[1]);
}

/* Shows what no test took: why it failed, for example. */
static int release(void **state)
{
    char rest[2 * MAX_BYTES];
    ssize_t length;
    (void)state;
    dup2(real_stderr, STDERR_FILENO);
    while ((length = read(packets, rest, sizeof(rest))) > 0)
        fprintf(stderr, "%.*s", (int)length, rest);
    close(real_stderr);
    return close(packets);
}

/* The next line, checked to be one, without its start up to the message; NULL when there is none. */
static const char *next_line(void)
{
    static char line[2 * MAX_BYTES];
    ssize_t length = read(packets, line, sizeof(line) - 1);
    if (length < 0)
        return NULL;
    line[length] = '\0';
    assert_in_range(length, 1, MAX_BYTES);
    assert_ptr_equal(strchr(line, '\n'), line + length - 1);
    line[length - 1] = '\0';
    for (const char *p = line; *p; p++)
        assert_true((unsigned char)*p >= ' ' && *p != 0x7f);
    char *message = strstr(line, " msg=");
    assert_non_null(message);
    return message + 5;
}

static void expect_line(const char *expected)
{
    const char *line = next_line();
    assert_non_null(line);
    assert_string_equal(line, expected);
    assert_null(next_line());
}

static void a_line_has_time_level_process_message_and_fields(void **state)
{
    char line[1024], time[CLOCK_TEXT_SIZE];
    int64_t before_ms = clock_wall_ms(), written_ms;
    (void)state;
    log_warning("phone connected", LOG_TEXT("device_id", "p1"), LOG_NUMBER("session", 3));
    ssize_t length = read(packets, line, sizeof(line) - 1);
    assert_true(length > 0);
    line[length] = '\0';
    assert_memory_equal(line, "ts=", 3);
    memcpy(time, line + 3, CLOCK_TEXT_SIZE - 1);
    time[CLOCK_TEXT_SIZE - 1] = '\0';
    assert_true(clock_parse(time, &written_ms));
    assert_in_range(written_ms, before_ms, clock_wall_ms());
    assert_string_equal(line + 3 + strlen(time),
                        " level=warning process=test "
                        "msg=\"phone connected\" device_id=p1 session=3\n");
}

static void values_are_quoted_where_needed(void **state)
{
    static const struct {
        const char *value, *written;
    } cases[] = {
        {"plain", "plain"},
        {"a-b_c.d/e:f,g;h'i", "a-b_c.d/e:f,g;h'i"},
        {"", "\"\""},
        {NULL, "\"\""},
        {"two words", "\"two words\""},
        {" ", "\" \""},
        {"a=b", "\"a=b\""},
        {"say \"hi\"", "\"say \\\"hi\\\"\""},
        {"\"", "\"\\\"\""},
        {"back\\slash", "\"back\\\\slash\""},
        {"a\nb", "\"a\\x0ab\""},
        {"a\r\nb", "\"a\\x0d\\x0ab\""},
        {"\t", "\"\\x09\""},
        {"\x1b[31m", "\"\\x1b[31m\""},
        {"\x7f", "\"\\x7f\""},
        {"\x01\x1f", "\"\\x01\\x1f\""},
        {"t\xc3\xa9l\xc3\xa9phone", "t\xc3\xa9l\xc3\xa9phone"},
        {"x\" level=error msg=\"forged", "\"x\\\" level=error msg=\\\"forged\""},
        {"x\nts=2026-11-23T09:45:00.000Z level=error msg=forged",
         "\"x\\x0ats=2026-11-23T09:45:00.000Z level=error msg=forged\""},
        {"%s%n%d", "%s%n%d"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char expected[256];
        log_info("event", LOG_TEXT("key", cases[i].value), LOG_NUMBER("after", 1));
        snprintf(expected, sizeof(expected), "event key=%s after=1", cases[i].written);
        expect_line(expected);
        if (cases[i].value) {
            log_info(cases[i].value);
            expect_line(cases[i].written);
        }
    }
}

static void no_control_character_is_written_raw(void **state)
{
    (void)state;
    for (int c = 1; c < 256; c++) {
        const char value[] = {'a', (char)c, 'b', '\0'};
        log_info("event", LOG_TEXT("key", value));
        assert_non_null(next_line()); /* looks at every byte */
    }
}

/* U+0080 to U+009F are control characters too: U+0085 ends a line, U+009B starts a terminal's
   commands. */
static void the_control_characters_beyond_ascii_are_not_written_raw_either(void **state)
{
    (void)state;
    for (int c = 0x80; c < 0xa0; c++) {
        const char value[] = {'a', (char)0xc2, (char)c, 'b', '\0'};
        log_info("event", LOG_TEXT("key", value));
        const char *line = next_line();
        assert_non_null(line);
        if (strstr(line, value))
            fail_msg("U+%04X is written as it is", (unsigned)c);
    }
}

/* What ends a line in some viewers, and what turns the direction of the rest of it. */
static void lines_and_directions_of_unicode_are_not_written_raw_either(void **state)
{
    static const char *const values[] = {"\u2028", "\u2029", "\u202a",
                                         "\u202e", "\u2066", "\u2069"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(values); i++) {
        log_info("event", LOG_TEXT("key", values[i]));
        const char *line = next_line();
        assert_non_null(line);
        if (strstr(line, values[i]))
            fail_msg("%zu is written as it is", i);
    }
    log_info("event", LOG_TEXT("key", "\u2027\u202f\u2065\u206a"));
    expect_line("event key=\u2027\u202f\u2065\u206a");
}

static void numbers_are_written_whole(void **state)
{
    (void)state;
    log_info("event", LOG_NUMBER("a", 0), LOG_NUMBER("b", -1), LOG_NUMBER("c", INT64_MAX),
             LOG_NUMBER("d", INT64_MIN), LOG_NUMBER("e", 4294967295u));
    expect_line("event a=0 b=-1 c=9223372036854775807 d=-9223372036854775808 e=4294967295");
}

static void phone_numbers_keep_their_last_two_digits(void **state)
{
    static const struct {
        const char *number, *written;
    } cases[] = {
        {"+4915112345678", "+***78"},   {"+1234567", "+***67"},
        {"+123456789012345", "+***45"}, {"", "+***"},
        {"no number\n", "+***"},        {"+1234567 ", "+***"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char expected[64];
        log_info("event", LOG_PHONE("to", cases[i].number), LOG_NUMBER("after", 1));
        snprintf(expected, sizeof(expected), "event to=%s after=1", cases[i].written);
        expect_line(expected);
    }
}

/* ---- Levels ---- */

static void what_is_less_important_than_the_level_is_left_out(void **state)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    (void)state;
    for (int threshold = LOG_LEVEL_DEBUG; threshold <= LOG_LEVEL_ERROR; threshold++) {
        log_init("test", (enum log_level)threshold);
        log_debug("debug");
        log_info("info");
        log_warning("warning");
        log_error("error");
        for (int level = threshold; level <= LOG_LEVEL_ERROR; level++) {
            const char *line = next_line();
            assert_non_null(line);
            assert_string_equal(line, names[level]);
        }
        assert_null(next_line());
    }
}

static void level_names_are_four_words(void **state)
{
    static const struct {
        const char *name;
        bool good;
        enum log_level level;
    } cases[] = {
        {"debug", true, LOG_LEVEL_DEBUG},
        {"info", true, LOG_LEVEL_INFO},
        {"warning", true, LOG_LEVEL_WARNING},
        {"error", true, LOG_LEVEL_ERROR},
        {"", false, 0},
        {"DEBUG", false, 0},
        {"warn", false, 0},
        {"infos", false, 0},
        {"1", false, 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        enum log_level level;
        assert_int_equal(log_level_parse(cases[i].name, &level), cases[i].good);
        if (cases[i].good)
            assert_int_equal(level, cases[i].level);
    }
}

/* ---- Length ---- */

static void a_line_that_is_too_long_is_cut_and_still_one_line(void **state)
{
    static char value[3 * MAX_BYTES];
    (void)state;
    for (const char *fill = "x\" \n"; *fill; fill++) {
        for (size_t length = MAX_BYTES - 200; length < sizeof(value);
             length += length < MAX_BYTES ? 1 : 997) {
            memset(value, *fill, length);
            value[length] = '\0';
            log_info("event", LOG_TEXT("key", value), LOG_TEXT("after", "x"));
            assert_non_null(next_line()); /* looks at its end */
            assert_null(next_line());
            log_info(value);
            assert_non_null(next_line());
            assert_null(next_line());
        }
    }
}

static void many_fields_are_cut_too(void **state)
{
    struct log_field fields[1001] = {{0}};
    (void)state;
    for (size_t i = 0; i < 1000; i++)
        fields[i] = LOG_TEXT("key", "value");
    log_write(LOG_LEVEL_INFO, "event", fields);
    const char *line = next_line();
    assert_non_null(line);
    assert_memory_equal(line, "event key=value key=value", 25);
    assert_null(next_line());
}

/* ---- Errno and threads ---- */

static void errno_is_told_and_kept(void **state)
{
    (void)state;
    errno = ENOENT;
    log_info("event", LOG_ERRNO);
    assert_int_equal(errno, ENOENT);
    expect_line("event error=\"No such file or directory\"");
    errno = 0;
    log_info("event");
    assert_int_equal(errno, 0);
    assert_non_null(next_line());
    errno = 123456;
    assert_true(strlen(log_errno_text()) > 0);
}

enum { THREADS = 8, LINES_EACH = 500 };

static void *log_in_thread(void *unused)
{
    (void)unused;
    for (int i = 0; i < LINES_EACH; i++)
        log_info("many words from one thread", LOG_TEXT("key", "some more words"));
    return NULL;
}

static void lines_of_many_threads_do_not_mix(void **state)
{
    static const char expected[] = "msg=\"many words from one thread\" key=\"some more words\"\n";
    pthread_t threads[THREADS];
    char line[1024];
    int count = 0;
    FILE *file = tmpfile();
    (void)state;
    assert_non_null(file);
    dup2(fileno(file), STDERR_FILENO);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_in_thread, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    dup2(real_stderr, STDERR_FILENO);
    rewind(file);
    for (; fgets(line, sizeof(line), file); count++) {
        assert_memory_equal(line, "ts=", 3);
        assert_string_equal(strstr(line, "msg="), expected);
    }
    fclose(file);
    assert_int_equal(count, THREADS * LINES_EACH);
}

/* What one write(2) brought. */
static int take_lines(char bytes[2 * MAX_BYTES])
{
    ssize_t length = read(packets, bytes, 2 * MAX_BYTES - 1);
    if (length < 0)
        return 0;
    bytes[length] = '\0';
    assert_in_range(length, 1, MAX_BYTES);
    assert_int_equal(bytes[length - 1], '\n');
    int lines = 0;
    for (const char *p = bytes; (p = strchr(p, '\n')); p++)
        lines++;
    return lines;
}

static void lines_that_are_held_are_written_together(void **state)
{
    char bytes[2 * MAX_BYTES];
    (void)state;
    log_hold();
    log_info("one", LOG_NUMBER("n", 1));
    log_warning("two");
    log_info("three");
    assert_int_equal(take_lines(bytes), 0);
    log_release();
    assert_int_equal(take_lines(bytes), 3);
    const char *one = strstr(bytes, "msg=one n=1\n"), *three = strstr(bytes, "msg=three\n");
    assert_true(one && three && one < three);
    log_release();
    log_info("four");
    expect_line("four");
}

static void more_than_a_pipe_takes_at_once_is_written_in_pieces_of_whole_lines(void **state)
{
    enum { LINES = 100 };
    char bytes[2 * MAX_BYTES], name[32];
    char longest[MAX_BYTES];
    int seen = 0;
    (void)state;
    memset(longest, 'x', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    log_hold();
    for (int i = 0; i < LINES; i++)
        log_info("line", LOG_NUMBER("number", i), LOG_TEXT("rest", i == 50 ? longest : "short"));
    log_release();
    for (int lines; (lines = take_lines(bytes)) > 0;) {
        const char *p = bytes;
        for (int i = 0; i < lines; i++, p = strchr(p, '\n') + 1) {
            snprintf(name, sizeof(name), "msg=line number=%d ", seen++);
            const char *found = strstr(p, name);
            assert_true(found && found < strchr(p, '\n'));
        }
    }
    assert_int_equal(seen, LINES);
}

#define LOG_TEST(test) cmocka_unit_test_setup_teardown(test, capture, release)

UNIT_TESTS(LOG_TEST(a_line_has_time_level_process_message_and_fields),
           LOG_TEST(values_are_quoted_where_needed), LOG_TEST(no_control_character_is_written_raw),
           LOG_TEST(the_control_characters_beyond_ascii_are_not_written_raw_either),
           LOG_TEST(lines_and_directions_of_unicode_are_not_written_raw_either),
           LOG_TEST(numbers_are_written_whole), LOG_TEST(phone_numbers_keep_their_last_two_digits),
           LOG_TEST(what_is_less_important_than_the_level_is_left_out),
           LOG_TEST(lines_that_are_held_are_written_together),
           LOG_TEST(more_than_a_pipe_takes_at_once_is_written_in_pieces_of_whole_lines),
           cmocka_unit_test(level_names_are_four_words),
           LOG_TEST(a_line_that_is_too_long_is_cut_and_still_one_line),
           LOG_TEST(many_fields_are_cut_too), LOG_TEST(errno_is_told_and_kept),
           LOG_TEST(lines_of_many_threads_do_not_mix))
