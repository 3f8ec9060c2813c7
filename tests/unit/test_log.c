/* The log: one line an event, and nobody but us writes its lines. */
#include "common/base/clock.h"
#include "common/base/json.h"
#include "common/base/log.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_BYTES = 4096 };

/* Standard error goes into a pipe that keeps each write(2) apart, so one read gives one line. */
static int packets, real_stderr;

static int capture(void **state)
{
    int fds[2];
    (void)state;
    unsetenv("JOURNAL_STREAM");
    log_init("test", LOG_LEVEL_DEBUG, LOG_FORMAT_LOGFMT);
    real_stderr = dup(STDERR_FILENO);
    if (real_stderr < 0 || pipe2(fds, O_DIRECT | O_NONBLOCK) < 0)
        return -1;
    packets = fds[0];
    dup2(fds[1], STDERR_FILENO);
    return close(fds[1]);
}

static int capture_json(void **state)
{
    int status = capture(state);
    log_init("test", LOG_LEVEL_DEBUG, LOG_FORMAT_JSON);
    return status;
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
        log_init("test", (enum log_level)threshold, LOG_FORMAT_LOGFMT);
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
    log_batch_begin();
    log_info("one", LOG_NUMBER("n", 1));
    log_warning("two");
    log_info("three");
    assert_int_equal(take_lines(bytes), 0);
    log_batch_end();
    assert_int_equal(take_lines(bytes), 3);
    const char *one = strstr(bytes, "msg=one n=1\n"), *three = strstr(bytes, "msg=three\n");
    assert_true(one && three && one < three);
    log_batch_end();
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
    log_batch_begin();
    for (int i = 0; i < LINES; i++)
        log_info("line", LOG_NUMBER("number", i), LOG_TEXT("rest", i == 50 ? longest : "short"));
    log_batch_end();
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

/* ---- Fields that may be missing ---- */

static void a_field_without_a_value_is_left_out_where_that_is_wanted(void **state)
{
    (void)state;
    log_info("event", LOG_TEXT_IF_ANY("a", ""), LOG_TEXT_IF_ANY("b", "x"),
             LOG_NUMBER_IF_ANY("c", 0), LOG_NUMBER_IF_ANY("d", -1),
             log_if(false, LOG_PHONE("e", "+1234567")), LOG_TEXT("f", ""));
    expect_line("event b=x d=-1 f=\"\"");
}

static void *log_of_another_thread(void *unused)
{
    (void)unused;
    log_info("event");
    return NULL;
}

static void lines_of_a_request_end_with_its_id(void **state)
{
    char id[] = "5b7e1f0c6c3a4a3d9a51d2c7f1a0b9e8";
    char longest[2 * LOG_REQUEST_ID_SIZE], expected[256];
    pthread_t thread;
    (void)state;
    log_set_request(id);
    memset(id, 'x', 4); /* it was copied */
    log_info("event", LOG_NUMBER("a", 1));
    expect_line("event a=1 request_id=5b7e1f0c6c3a4a3d9a51d2c7f1a0b9e8");
    assert_int_equal(pthread_create(&thread, NULL, log_of_another_thread, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    expect_line("event");
    log_set_request("a\nb");
    log_info("event");
    expect_line("event request_id=\"a\\x0ab\"");
    memset(longest, 'x', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    log_set_request(longest);
    log_info("event");
    snprintf(expected, sizeof(expected), "event request_id=%.*s", LOG_REQUEST_ID_SIZE - 1, longest);
    expect_line(expected);
    log_set_request(NULL);
    log_info("event");
    expect_line("event");
}

/* ---- JSON ---- */

/* The next line as what it says, checked to be one object on one line; the caller frees. */
static struct json *next_object(void)
{
    char line[2 * MAX_BYTES];
    struct json_problem problem = {0};
    ssize_t length = read(packets, line, sizeof(line) - 1);
    assert_in_range(length, 1, MAX_BYTES);
    line[length] = '\0';
    assert_ptr_equal(strchr(line, '\n'), line + length - 1);
    line[--length] = '\0';
    for (const char *p = line; *p; p++)
        assert_true((unsigned char)*p >= ' ' && *p != 0x7f);
    struct json *object = json_parse(line, (size_t)length, &problem);
    if (!object)
        fail_msg("%s at %zu: %s", problem.reason, problem.offset, line);
    assert_true(json_is_object(object));
    return object;
}

static void expect_text(const struct json *object, const char *name, const char *expected)
{
    const char *text = json_text(json_member(object, name));
    assert_non_null(text);
    assert_string_equal(text, expected);
}

static void a_json_line_has_the_same_keys_and_numbers_are_numbers(void **state)
{
    static const char *const names[] = {"ts",        "level",   "process", "msg",
                                        "device_id", "session", "to",      "request_id"};
    int64_t session, written_ms;
    size_t i = 0;
    (void)state;
    log_set_request("5b7e1f0c6c3a4a3d9a51d2c7f1a0b9e8");
    log_warning("phone connected", LOG_TEXT("device_id", "p1"), LOG_NUMBER("session", -3),
                LOG_PHONE("to", "+4915112345678"), LOG_TEXT_IF_ANY("none", ""));
    log_set_request(NULL);
    struct json *line = next_object();
    json_for_each (member, line) {
        assert_in_range(i, 0, ARRAY_LENGTH(names) - 1);
        assert_string_equal(json_name(member), names[i++]);
    }
    assert_int_equal(i, ARRAY_LENGTH(names));
    assert_true(clock_parse(json_text(json_member(line, "ts")), &written_ms));
    expect_text(line, "level", "warning");
    expect_text(line, "process", "test");
    expect_text(line, "msg", "phone connected");
    expect_text(line, "device_id", "p1");
    assert_true(json_integer(json_member(line, "session"), &session));
    assert_int_equal(session, -3);
    expect_text(line, "to", "+***78");
    expect_text(line, "request_id", "5b7e1f0c6c3a4a3d9a51d2c7f1a0b9e8");
    json_free(line);
}

static void values_come_back_from_json_as_they_were(void **state)
{
    static const char *const values[] = {
        "plain",
        "",
        " ",
        "two words",
        "a=b",
        "say \"hi\"",
        "back\\slash",
        "\\u0041",
        "a\nb\r\t",
        "\x1b[31m",
        "\x7f",
        "\x01\x1f",
        "t\xc3\xa9l\xc3\xa9phone",
        "\xf0\x9f\x98\x80",
        "\xc2\x85\xc2\x9b",
        "\u2028\u2029\u202e\u2066",
        "x\",\"level\":\"error",
        "}\n{\"ts\":1}",
        "%s%n",
        "true",
        "17",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(values); i++) {
        log_info(values[i], LOG_TEXT("key", values[i]), LOG_NUMBER("after", 1));
        struct json *line = next_object();
        expect_text(line, "msg", values[i]);
        expect_text(line, "key", values[i]);
        assert_non_null(json_member(line, "after"));
        json_free(line);
    }
}

static void bytes_that_are_no_characters_are_escaped_in_json_too(void **state)
{
    (void)state;
    for (int c = 0x80; c < 256; c++) {
        const char value[] = {'a', (char)c, 'b', '\0'};
        char expected[16];
        log_info("event", LOG_TEXT("key", value));
        snprintf(expected, sizeof(expected), "a\\x%02xb", c);
        struct json *line = next_object();
        expect_text(line, "key", expected);
        json_free(line);
    }
}

static void a_json_line_that_is_too_long_is_cut_and_still_valid(void **state)
{
    static char value[3 * MAX_BYTES], names[200][16];
    struct log_field many[ARRAY_LENGTH(names) + 1] = {{0}};
    (void)state;
    for (const char *fill = "x\" \n\xff\xc3"; *fill; fill++) {
        for (size_t length = MAX_BYTES / 8; length < sizeof(value);
             length += length < MAX_BYTES ? 7 : 997) {
            memset(value, *fill, length);
            value[length] = '\0';
            log_info("event", LOG_TEXT("key", value), LOG_NUMBER("after", 1));
            json_free(next_object());
            log_info(value);
            json_free(next_object());
        }
    }
    memset(value, 'x', sizeof(value) - 1);
    log_info("event", LOG_TEXT("key", value), LOG_NUMBER("after", 1));
    struct json *line = next_object();
    assert_in_range(strlen(json_text(json_member(line, "key"))), MAX_BYTES - 200, MAX_BYTES);
    assert_null(json_member(line, "after"));
    json_free(line);
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        snprintf(names[i], sizeof(names[i]), "key_%zu", i);
        many[i] = LOG_TEXT(names[i], "twenty characters, .");
    }
    log_write(LOG_LEVEL_INFO, "event", many);
    json_free(next_object());
}

/* ---- The journal ---- */

/* JOURNAL_STREAM is the device and inode of stderr, changed by so much, and something behind. */
static void set_journal(int device_offset, int inode_offset, const char *rest)
{
    struct stat status;
    char text[64];
    assert_int_equal(fstat(STDERR_FILENO, &status), 0);
    snprintf(text, sizeof(text), "%llu:%llu%s", (unsigned long long)status.st_dev + device_offset,
             (unsigned long long)status.st_ino + inode_offset, rest);
    assert_int_equal(setenv("JOURNAL_STREAM", text, 1), 0);
    log_init("test", LOG_LEVEL_DEBUG, LOG_FORMAT_LOGFMT);
}

/* What one write(2) brought begins with that. */
static void expect_start(const char *start)
{
    char line[MAX_BYTES];
    ssize_t length = read(packets, line, sizeof(line) - 1);
    assert_true(length > 0);
    line[length] = '\0';
    assert_memory_equal(line, start, strlen(start));
}

static void lines_for_the_journal_begin_with_their_priority(void **state)
{
    char lines[MAX_BYTES];
    (void)state;
    set_journal(0, 0, "");
    log_debug("event");
    expect_start("<7>ts=");
    log_info("event");
    expect_start("<6>ts=");
    log_warning("event");
    expect_start("<4>ts=");
    log_error("event");
    expect_start("<3>ts=");
    log_batch_begin();
    log_error("one");
    log_info("two");
    log_batch_end();
    ssize_t length = read(packets, lines, sizeof(lines) - 1);
    assert_true(length > 0);
    lines[length] = '\0';
    assert_memory_equal(lines, "<3>ts=", 6);
    assert_non_null(strstr(lines, "msg=one\n<6>ts="));
    log_init("test", LOG_LEVEL_DEBUG, LOG_FORMAT_JSON);
    log_info("event");
    expect_start("<6>{\"ts\":");
}

static void a_line_for_people_has_the_time_of_day_the_level_the_sentence_and_the_fields(
    void **state)
{
    char line[MAX_BYTES];
    (void)state;
    unsetenv("JOURNAL_STREAM");
    log_init("test", LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
    log_set_request("a-request");
    log_warning("phone connected", LOG_TEXT("device_id", "a\nb"), LOG_NUMBER("session", 3));
    log_set_request(NULL);
    ssize_t length = read(packets, line, sizeof(line) - 1);
    assert_true(length > 8);
    line[length] = '\0';
    assert_string_equal(line + 8, " warning phone connected  device_id=\"a\\x0ab\" session=3\n");
    assert_true(line[2] == ':' && line[5] == ':');
}

static void the_form_for_people_is_chosen_for_a_terminal_alone(void **state)
{
    enum log_format format;
    (void)state;
    assert_true(log_format_parse("auto", &format)); /* stderr is a socket here */
    assert_int_equal(format, LOG_FORMAT_LOGFMT);
    assert_true(log_format_parse("text", &format));
    assert_int_equal(format, LOG_FORMAT_TEXT);
    assert_false(log_format_parse("texts", &format));
}

static void lines_for_anything_else_do_not(void **state)
{
    static const struct {
        int device_offset, inode_offset;
        const char *rest;
    } others[] = {{1, 0, ""}, {0, 1, ""}, {0, 0, "x"}, {0, 0, ":1"}};
    static const char *const values[] = {"", "x", "1", "1:", ":1"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(others); i++) {
        set_journal(others[i].device_offset, others[i].inode_offset, others[i].rest);
        log_info("event");
        expect_start("ts=");
    }
    for (size_t i = 0; i < ARRAY_LENGTH(values); i++) {
        assert_int_equal(setenv("JOURNAL_STREAM", values[i], 1), 0);
        log_init("test", LOG_LEVEL_DEBUG, LOG_FORMAT_LOGFMT);
        log_info("event");
        expect_start("ts=");
    }
}

#define LOG_TEST(test)  cmocka_unit_test_setup_teardown(test, capture, release)
#define JSON_TEST(test) cmocka_unit_test_setup_teardown(test, capture_json, release)

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
           LOG_TEST(a_field_without_a_value_is_left_out_where_that_is_wanted),
           LOG_TEST(lines_of_a_request_end_with_its_id),
           JSON_TEST(a_json_line_has_the_same_keys_and_numbers_are_numbers),
           JSON_TEST(values_come_back_from_json_as_they_were),
           JSON_TEST(bytes_that_are_no_characters_are_escaped_in_json_too),
           JSON_TEST(a_json_line_that_is_too_long_is_cut_and_still_valid),
           LOG_TEST(lines_for_the_journal_begin_with_their_priority),
           LOG_TEST(lines_for_anything_else_do_not),
           LOG_TEST(a_line_for_people_has_the_time_of_day_the_level_the_sentence_and_the_fields),
           LOG_TEST(the_form_for_people_is_chosen_for_a_terminal_alone),
           LOG_TEST(many_fields_are_cut_too), LOG_TEST(errno_is_told_and_kept),
           LOG_TEST(lines_of_many_threads_do_not_mix))
