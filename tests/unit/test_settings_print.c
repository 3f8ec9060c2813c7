/* Settings in print: what is written reads back, by us and by a shell, and no list lacks one. */
#include "common/process/settings.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <unistd.h>

static const struct row {
    const char *field, *name, *value;
    bool is_text;
} rows[] = {
#define TEXT(field, name, value, allowed, used_by, meaning) {#field, name, value, true},
#define NUMBER(field, name, unit, value, smallest, largest, used_by, meaning)                      \
    {#field, name, #value, false},
#include "common/process/settings.def"
#undef TEXT
#undef NUMBER
};

static char path[64];

static int set_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
        unsetenv(rows[i].name);
    strcpy(path, "/tmp/test_settings_print.XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(path);
}

static void load(struct settings *settings)
{
    char errmsg[ERRMSG_SIZE] = "";
    memset(settings, 0xa5, sizeof(*settings));
    if (!settings_load(settings, path, true, errmsg))
        fail_msg("%s", errmsg);
}

static void assert_same(const struct settings *a, const struct settings *b)
{
#define TEXT(field, ...)   assert_string_equal(a->field, b->field);
#define NUMBER(field, ...) assert_int_equal(a->field, b->field);
#include "common/process/settings.def"
#undef TEXT
#undef NUMBER
}

/* The text a printer writes; the caller frees it. */
static char *text_of(void (*print)(FILE *out))
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    print(out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void write_file(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void print_to_file(const struct settings *settings)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    settings_print(settings, file);
    assert_int_equal(fclose(file), 0);
}

/* ---- Effective values ---- */

/* Texts that an environment can bring and that a shell would read as something else. */
static const char *const paths[] = {
    "data/sms-gateway.db",
    "/var/lib/my gateway/a b.db",
    "  spaces around  ",
    "a/`id`/(id)/{HOME}",
    "#comment",
    "a#b",
    "a;b&c|d>e<f",
    "*?[x]~!",
    "./~/x.db",
    "=",
    "a=b=c",
    "%s%n",
    "d\xc3\xa9p\xc3\xb4t \xf0\x9f\x98\x80",
    "-n",
    "no\xc2\xa0"
    "break \xe2\x80\x9cquoted\xe2\x80\x9d",
};

static void the_defaults_read_back(void **state)
{
    struct settings settings, back;
    (void)state;
    load(&settings);
    print_to_file(&settings);
    load(&back);
    assert_same(&settings, &back);
}

static void other_numbers_read_back(void **state)
{
    struct settings settings, back;
    (void)state;
    load(&settings);
#define TEXT(...)
#define NUMBER(field, name, unit, value, smallest, largest, used_by, meaning)                      \
    settings.field = settings.field == (largest) ? (smallest) : (largest);
#include "common/process/settings.def"
#undef TEXT
#undef NUMBER
    print_to_file(&settings);
    load(&back);
    assert_same(&settings, &back);
}

static void any_text_reads_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
        struct settings settings, back;
        write_file("");
        setenv("DATABASE_PATH", paths[i], 1);
        load(&settings);
        unsetenv("DATABASE_PATH");
        assert_string_equal(settings.database_path, paths[i]);
        print_to_file(&settings);
        load(&back);
        assert_same(&settings, &back);
    }
}

static void a_shell_reads_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
        struct settings settings;
        char command[200], line[2 * SETTINGS_TEXT_SIZE], expected[2 * SETTINGS_TEXT_SIZE];
        write_file("");
        setenv("DATABASE_PATH", paths[i], 1);
        load(&settings);
        unsetenv("DATABASE_PATH");
        print_to_file(&settings);
        snprintf(command, sizeof(command),
                 "set -eu; . %s; printf '%%s %%s %%s\\n' \"$DATABASE_PATH\" $HTTP_PORT $LOG_LEVEL",
                 path);
        FILE *shell = popen(command, "r");
        assert_non_null(shell);
        assert_non_null(fgets(line, sizeof(line), shell));
        assert_int_equal(pclose(shell), 0);
        snprintf(expected, sizeof(expected), "%s 8000 info\n", paths[i]);
        assert_string_equal(line, expected);
    }
}

static void each_line_is_a_name_and_its_value(void **state)
{
    struct settings settings;
    char line[2 * SETTINGS_TEXT_SIZE];
    size_t count = 0;
    (void)state;
    load(&settings);
    print_to_file(&settings);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    for (; fgets(line, sizeof(line), file); count++) {
        char expected[2 * SETTINGS_TEXT_SIZE];
        const char *quote = rows[count].is_text ? "'" : "";
        snprintf(expected, sizeof(expected), "%s=%s%s%s\n", rows[count].name, quote,
                 rows[count].value, quote);
        assert_string_equal(line, expected);
    }
    fclose(file);
    assert_int_equal(count, ARRAY_LENGTH(rows));
}

/* ---- The lists ---- */

static void the_example_is_a_file_of_defaults(void **state)
{
    struct settings settings, back;
    (void)state;
    load(&settings);
    char *text = text_of(settings_print_env_example);
    write_file(text);
    load(&back);
    assert_same(&settings, &back);

    /* Every line that has a setting, taken out of its comment. */
    size_t count = 0;
    for (char *p = text; (p = strstr(p, "\n#")); p++) {
        if (p[2] != ' ') {
            p[1] = ' ';
            count++;
        }
    }
    assert_int_equal(count, ARRAY_LENGTH(rows));
    write_file(text);
    load(&back);
    assert_same(&settings, &back);
    free(text);
}

static void every_list_has_every_setting_once(void **state)
{
    static const struct {
        void (*print)(FILE *out);
        const char *before, *after;
    } lists[] = {
        {settings_print_help, "\n  ", " ("},
        {settings_print_env_example, "\n#", "="},
        {settings_print_markdown, "\n| `", "` |"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(lists); i++) {
        char *printed = text_of(lists[i].print), *text = NULL;
        assert_true(asprintf(&text, "\n%s", printed) > 0);
        for (size_t j = 0; j < ARRAY_LENGTH(rows); j++) {
            char words[128];
            snprintf(words, sizeof(words), "%s%s%s", lists[i].before, rows[j].name, lists[i].after);
            const char *found = strstr(text, words);
            if (!found || strstr(found + 1, words))
                fail_msg("list %zu has %s %s", i, rows[j].name, found ? "twice" : "not at all");
            if (!strstr(found, rows[j].value))
                fail_msg("list %zu lacks the default of %s", i, rows[j].name);
        }
        free(text);
        free(printed);
    }
}

static void every_table_row_has_six_columns(void **state)
{
    char *text = text_of(settings_print_markdown);
    size_t table_rows = 0;
    (void)state;
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
        size_t bars = 0;
        if (*line != '|')
            continue;
        for (const char *p = line; *p; p++)
            bars += *p == '|';
        if (bars != 7)
            fail_msg("%zu bars: %s", bars, line);
        table_rows++;
    }
    assert_true(table_rows > ARRAY_LENGTH(rows));
    free(text);
}

static void names_are_unique_and_in_capitals(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        const char *name = rows[i].name;
        assert_int_equal(strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"), strlen(name));
        for (size_t j = i + 1; j < ARRAY_LENGTH(rows); j++)
            assert_string_not_equal(name, rows[j].name);
    }
}

static void sockets_are_in_the_runtime_folder(void **state)
{
    struct settings settings = {.runtime_dir = "run"};
    char socket_path[SETTINGS_TEXT_SIZE];
    (void)state;
    settings_socket_path(&settings, "api.sock", socket_path);
    assert_string_equal(socket_path, "run/api.sock");
    memset(settings.runtime_dir, 'x', SETTINGS_TEXT_SIZE - 1);
    settings_socket_path(&settings, "api.sock", socket_path);
    assert_string_equal(socket_path, "");
}

#define FILE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

UNIT_TESTS(FILE_TEST(the_defaults_read_back), FILE_TEST(other_numbers_read_back),
           FILE_TEST(any_text_reads_back), FILE_TEST(a_shell_reads_the_same),
           FILE_TEST(each_line_is_a_name_and_its_value),
           FILE_TEST(the_example_is_a_file_of_defaults),
           cmocka_unit_test(every_list_has_every_setting_once),
           cmocka_unit_test(every_table_row_has_six_columns),
           cmocka_unit_test(names_are_unique_and_in_capitals),
           cmocka_unit_test(sockets_are_in_the_runtime_folder))
