/* Settings: where they come from, what is refused and in which words, and reading back what is
   printed. */
#include "common/process/database_url.h"
#include "common/process/settings.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* The list, once more. */
static const struct row {
    const char *name;
    size_t offset;
    bool is_text;
    const char *text_default;
    const char *allowed;
    int64_t number_default, smallest, largest;
    const char *unit;
} rows[] = {
#define TEXT(field, name, value, allowed, used_by, meaning)                                        \
    {name, offsetof(struct settings, field), true, value, allowed, 0, 0, 0, ""},
#define PREFIXES(field, name, value, used_by, meaning)                                             \
    {name, offsetof(struct settings, field), true, value, "prefixes", 0, 0, 0, ""},
#define NUMBER(field, name, unit, value, smallest, largest, used_by, meaning)                      \
    {name, offsetof(struct settings, field), false, NULL, NULL, value, smallest, largest, unit},
#include "common/process/settings.def"
#undef TEXT
#undef NUMBER
};

static const char *text_in(const struct settings *settings, const struct row *row)
{
    return (const char *)settings + row->offset;
}

static int64_t number_in(const struct settings *settings, const struct row *row)
{
    return *(const int64_t *)((const char *)settings + row->offset);
}

/* ---- A folder with a file, and an environment without settings ---- */

static char folder[64], env_path[80];

static int set_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
        unsetenv(rows[i].name);
    strcpy(folder, "/tmp/test_settings.XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(env_path, sizeof(env_path), "%s/env", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
        unsetenv(rows[i].name);
    unlink(env_path);
    return rmdir(folder);
}

static void write_env(const char *text)
{
    FILE *file = fopen(env_path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void load(struct settings *settings)
{
    char errmsg[ERRMSG_SIZE] = "";
    if (!settings_load(settings, env_path, false, errmsg))
        fail_msg("%s", errmsg);
}

/* The sentence why the settings are refused. */
static const char *refusal(void)
{
    static char errmsg[ERRMSG_SIZE];
    struct settings settings;
    strcpy(errmsg, "nothing");
    if (settings_load(&settings, env_path, false, errmsg))
        return "nothing";
    assert_true(strlen(errmsg) > 20);
    assert_null(strchr(errmsg, '\n'));
    return errmsg;
}

static void expect_refusal(const char *what, const char *const words[])
{
    const char *errmsg = refusal();
    for (; *words; words++) {
        if (!strstr(errmsg, *words))
            fail_msg("%s: \"%s\" is not in \"%s\"", what, *words, errmsg);
    }
}

static void expect_defaults(const struct settings *settings)
{
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        if (rows[i].is_text)
            assert_string_equal(text_in(settings, &rows[i]), rows[i].text_default);
        else if (number_in(settings, &rows[i]) != rows[i].number_default)
            fail_msg("%s is %lld", rows[i].name, (long long)number_in(settings, &rows[i]));
    }
}

/* ---- Where they come from ---- */

static void without_a_file_all_are_defaults(void **state)
{
    struct settings settings;
    (void)state;
    load(&settings);
    expect_defaults(&settings);
}

static void a_required_file_must_be_there(void **state)
{
    struct settings settings;
    char errmsg[ERRMSG_SIZE] = "";
    (void)state;
    assert_false(settings_load(&settings, env_path, true, errmsg));
    assert_non_null(strstr(errmsg, env_path));
    write_env("");
    assert_true(settings_load(&settings, env_path, true, errmsg));
    expect_defaults(&settings);
}

static void a_folder_is_no_file(void **state)
{
    struct settings settings;
    char errmsg[ERRMSG_SIZE] = "";
    (void)state;
    assert_false(settings_load(&settings, folder, true, errmsg));
    assert_non_null(strstr(errmsg, folder));
}

static void files_are_read_as_people_write_them(void **state)
{
    static const struct {
        const char *file;
        int64_t http_port;
        const char *database_path;
    } cases[] = {
        {"", 8000, "data/sms-gateway.db"},
        {"\n\n  \n\t\n", 8000, "data/sms-gateway.db"},
        {"# a comment\n   # another\n#HTTP_PORT=1\n", 8000, "data/sms-gateway.db"},
        {"HTTP_PORT=9000\n", 9000, "data/sms-gateway.db"},
        {"HTTP_PORT=9000", 9000, "data/sms-gateway.db"},
        {"HTTP_PORT=9000\r\nDATABASE_PATH=a.db\r\n", 9000, "a.db"},
        {"  HTTP_PORT = 9000  \n\tDATABASE_PATH\t=\ta.db\t\n", 9000, "a.db"},
        {"HTTP_PORT=\"9000\"\nDATABASE_PATH=\"a.db\"\n", 9000, "a.db"},
        {"HTTP_PORT='9000'\nDATABASE_PATH='a.db'\n", 9000, "a.db"},
        {"HTTP_PORT=1\nHTTP_PORT=2\n", 2, "data/sms-gateway.db"},
        {"DATABASE_PATH=/var/lib/my gateway/a b.db\n", 8000, "/var/lib/my gateway/a b.db"},
        {"DATABASE_PATH=\"  spaces  \"\n", 8000, "  spaces  "},
        {"DATABASE_PATH=a.db?x=1&y=2;|{}\n", 8000, "a.db?x=1&y=2;|{}"},
        {"DATABASE_PATH=./file:a.db\n", 8000, "./file:a.db"},
        {"HTTP_PORT=9000 # where it listens\n", 9000, "data/sms-gateway.db"},
        {"HTTP_PORT=9000\t# it's \"that\"\n", 9000, "data/sms-gateway.db"},
        {"DATABASE_PATH=a.db # or HTTP_PORT=1 ; // it\n", 8000, "a.db"},
        {"DATABASE_PATH=a b=c//d;e.db\n", 8000, "a b=c//d;e.db"},
        {"DATABASE_PATH='a ; // HTTP_PORT=1'\n", 8000, "a ; // HTTP_PORT=1"},
        {"HTTP_PORT='9000' # that\nDATABASE_PATH=\"a b.db\"   # this\n", 9000, "a b.db"},
        {"DATABASE_PATH=a#b c.db #d\n", 8000, "a#b c.db"},
        {"DATABASE_PATH='a #b'#c\n", 8000, NULL},
        {"CORS_ORIGINS= # none\n", 8000, "data/sms-gateway.db"},
        {"export HTTP_PORT=9000\n\texport\tDATABASE_PATH=a.db\n", 9000, "a.db"},
        {"\xef\xbb\xbfHTTP_PORT=9000\r\n", 9000, "data/sms-gateway.db"},
        {"\xef\xbb\xbf# a comment\r\n\r\nHTTP_PORT=9000 \r\n", 9000, "data/sms-gateway.db"},
        {"TZ=Europe/Berlin\nPOSTGRES_PASSWORD=\"a$b\\c'\nHTTP_PORT=9000\n", 9000,
         "data/sms-gateway.db"},
        {"http_proxy=http://x\nHTTP_PROXY=x\nno_proxy=*\nPORT=1\n", 8000, "data/sms-gateway.db"},
        {"# PORT: $HOME `x` \xc2\xa0\n", 8000, "data/sms-gateway.db"},
        {"DATABASE_PATH='#1.db'\n", 8000, "#1.db"},
        {"DATABASE_PATH=d\xc3\xa9p\xc3\xb4t.db\n", 8000, "d\xc3\xa9p\xc3\xb4t.db"},
        {"HTTP_PORT=08080\n", 8080, "data/sms-gateway.db"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct settings settings;
        write_env(cases[i].file);
        if (!cases[i].database_path) {
            assert_string_not_equal(refusal(), "nothing");
            continue;
        }
        load(&settings);
        assert_int_equal(settings.http_port, cases[i].http_port);
        assert_string_equal(settings.database_path, cases[i].database_path);
    }
}

static void the_environment_wins_over_the_file(void **state)
{
    struct settings settings;
    (void)state;
    write_env("HTTP_PORT=9000\nLOG_LEVEL=debug\n");
    setenv("HTTP_PORT", "9001", 1);
    setenv("DATABASE_PATH", "from environment.db", 1);
    setenv("NO_SETTING_OF_OURS", "x", 1);
    load(&settings);
    assert_int_equal(settings.http_port, 9001);
    assert_string_equal(settings.log_level, "debug");
    assert_string_equal(settings.database_path, "from environment.db");
    unsetenv("NO_SETTING_OF_OURS");
}

/* ---- What is refused ---- */

static void bad_lines_are_refused_with_their_number(void **state)
{
    static const struct {
        const char *file;
        const char *words[6];
    } cases[] = {
        {"HTTP_PORT\n", {"line 1", "NAME=value"}},
        {"\n# x\nnonsense\n", {"line 3", "NAME=value"}},
        {"HTTP_PORT=9000\nHTTP_PROT=1\n", {"line 2", "HTTP_PROT", "did you mean HTTP_PORT?"}},
        {"LOGLEVEL=info\n", {"line 1", "LOGLEVEL", "did you mean LOG_LEVEL?"}},
        {"DEVICE_INFO_TIMEOUT=5\n", {"did you mean DEVICE_INFO_TIMEOUT_SECONDS?"}},
        {"http_port=9000\n", {"line 1", "did you mean HTTP_PORT?"}},
        {"TLS_CERT=x\n", {"did you mean TLS_CERTIFICATE?"}},
        {"TLS_KEY_FILE=x\n", {"did you mean TLS_KEY?"}},
        {"LISTEN_ADDR=x\n", {"did you mean LISTEN_ADDRESS?"}},
        {"Log-Level=info\n", {"did you mean LOG_LEVEL?"}},
        {"DATABSE_PATH=x\n", {"did you mean DATABASE_PATH?"}},
        {"=1\n", {"line 1", "NAME=value"}},
        {"set HTTP_PORT=1\n", {"line 1", "NAME=value"}},
        {"Environment=\"HTTP_PORT=1\"\n", {"line 1", "NAME=value", "Environment=", "systemd"}},
        {"\nEnvironmentFile = /etc/x\n", {"line 2", "EnvironmentFile=", "systemd"}},
        {"HTTP_PORT: 9000\n", {"line 1", "NAME=value", "colon"}},
        {"HTTP_PORT:9000\n", {"line 1", "NAME=value", "colon"}},
        {"HTTP_PORT=\n", {"line 1", "HTTP_PORT", "from 1 to 65535", "\"\"", "remove the line"}},
        {"HTTP_PORT=9000 9001\n", {"line 1", "whole number", "\"9000 9001\""}},
        {"HTTP_PORT=9000\xc2\xa0\n", {"line 1", "U+00A0", "a space"}},
        {"HTTP_PORT\xc2\xa0=9000\n", {"line 1", "U+00A0"}},
        {"HTTP_PORT=\xe2\x80\x9c"
         "9000\xe2\x80\x9d\n",
         {"line 1", "U+201C", "quote"}},
        {"HTTP_PORT='9000\xc2\xa0'\n", {"line 1", "\"9000U+00A0\""}},
        {"DATABASE_PATH='a\x1b'\n", {"line 1", "U+001B"}},
        {"HTTP_PORT=90\x1b[0m\n", {"line 1", "U+001B", "control character"}},
        {"# a comment\rHTTP_PORT=9000\r", {"line 1", "carriage return"}},
        {"DATABASE_PATH=~/a.db\n", {"line 1", "DATABASE_PATH=~/a.db", "the whole path"}},
        {"DATABASE_PATH=$HOME/a.db\n", {"line 1", "contains a $", "nothing is expanded"}},
        {"DATABASE_PATH=\"${HOME}/a.db\"\n", {"contains a $", "nothing is expanded"}},
        {"DATABASE_PATH='$HOME/a.db'\n", {"contains a $, which is not expanded"}},
        {"DATABASE_PATH=`pwd`/a.db\n", {"contains a `", "nothing is expanded"}},
        {"DATABASE_PATH=C:\\data\n", {"contains a \\", "nothing is expanded"}},
        {"DATABASE_PATH='C:\\data'\n", {"contains a backslash"}},
        {"DATABASE_PATH=sqlite:///a.db\n", {"DATABASE_PATH=sqlite:///a.db", "not a URL"}},
        {"DATABASE_PATH=file:a.db\n", {"not a URL"}},
        {"DATABASE_PATH=:memory:\n", {"must be the path of a file"}},
        {"DATABASE_PATH=#a.db\n", {"begins with #", "in quotes"}},
        {"DATABASE_PATH='a.db\n", {"a quote that is not closed on the same line"}},
        {"DATABASE_PATH='a'.db\n", {"nothing may follow the closing quote"}},
        {"HTTP_PORT=eighty\n", {"HTTP_PORT", "whole number", "\"eighty\""}},
        {"DATABASE_PATH=\n", {"line 1", "DATABASE_PATH", "1 to 1023 characters"}},
        {"DATABASE_PATH=''\n", {"DATABASE_PATH", "1 to 1023 characters"}},
        {"DATABASE_PATH=a'b\n", {"DATABASE_PATH", "quotes"}},
        {"DATABASE_PATH=\"ab\n", {"DATABASE_PATH", "quotes"}},
        {"DATABASE_PATH='a\"b'\n", {"DATABASE_PATH", "quotes"}},
        {"LOG_LEVEL=loud\n", {"LOG_LEVEL", "debug", "error", "\"loud\""}},
        {"HTTP_PORT=1\nHTTP_PORT=0\n", {"line 2", "HTTP_PORT"}},
        {"DATABASE_PATH=a.db // it\n", {"line 1", "DATABASE_PATH has a \"//\"", "with #"}},
        {"DATABASE_PATH=a.db ; it\n", {"DATABASE_PATH has a \";\"", "in quotes"}},
        {"DATABASE_PATH=a.db\t;it\n", {"DATABASE_PATH has a \";\""}},
        {"DATABASE_PATH=a.db HTTP_PORT=1\n", {"DATABASE_PATH and HTTP_PORT are on one line"}},
        {"\nexport DATABASE_PATH=a b\t LOG_LEVEL=info\n", {"line 2", "LOG_LEVEL are on one line"}},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        write_env(cases[i].file);
        expect_refusal(cases[i].file, cases[i].words);
    }
}

static void write_bytes(const void *bytes, size_t size)
{
    FILE *file = fopen(env_path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* As in a file of UTF-16, where every line but the first would look empty. */
static void a_nul_byte_is_refused(void **state)
{
    static const char *const words[] = {"line 2", "NUL", "UTF-8", NULL};
    static const char files[][12] = {"#\n\0#\n", "\nPORT=\0x\n", "#\n#\0"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(files); i++) {
        write_bytes(files[i], sizeof(files[i]));
        expect_refusal("a NUL byte", words);
    }
}

/* As Notepad writes it, in both orders of bytes and without its mark. */
static void utf_16_is_refused(void **state)
{
    static const char *const words[] = {"line 1", "UTF-16", "save it as UTF-8", NULL};
    static const char files[][10] = {"\xff\xfeT\0Z\0=\0", "\xfe\xff\0T\0Z\0=", "T\0Z\0=\0"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(files); i++) {
        write_bytes(files[i], sizeof(files[i]));
        expect_refusal("UTF-16", words);
    }
}

static void a_file_that_is_too_large_is_refused(void **state)
{
    static char text[1024 * 1024 + 1];
    (void)state;
    memset(text, '#', sizeof(text));
    write_bytes(text, sizeof(text) - 1);
    assert_string_equal(refusal(), "nothing");
    write_bytes(text, sizeof(text));
    expect_refusal("1 MiB and a byte", (const char *const[]){env_path, "1 MiB", NULL});
}

/* Without what it leads to, every default would count instead. */
static void a_link_that_leads_nowhere_is_refused(void **state)
{
    (void)state;
    assert_int_equal(symlink("/nowhere/gateway.env", env_path), 0);
    expect_refusal("a link", (const char *const[]){env_path, "it is a link", NULL});
}

/* It must not block: nothing may ever write to it. */
static void a_pipe_is_refused(void **state)
{
    (void)state;
    unlink(env_path);
    assert_int_equal(mkfifo(env_path, 0600), 0);
    expect_refusal("a pipe", (const char *const[]){env_path, "is a pipe", NULL});
    unlink(env_path);
}

/* A .env is shared: what others need is theirs, and is told (`settings check`). */
static void names_of_other_programs_are_left_to_them(void **state)
{
    struct settings settings;
    (void)state;
    write_env("TZ=UTC\nCOMPOSE_PROJECT_NAME=x\nHTTP_PORT=9000\nPOSTGRES_PASSWORD='a\nnode.env=1\n");
    load(&settings);
    assert_string_equal(settings.other_names,
                        "TZ, COMPOSE_PROJECT_NAME, POSTGRES_PASSWORD, node.env");
    assert_int_equal(settings.http_port, 9000);
}

static void an_endless_line_is_refused_in_a_short_sentence(void **state)
{
    static const char *const starts[] = {"", "DATABASE_PATH=", "LOG_LEVEL=", "HTTP_PORT=", "="};
    static char line[100000];
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(starts); i++) {
        memset(line, '9', sizeof(line) - 1);
        memcpy(line, starts[i], strlen(starts[i]));
        write_env(line);
        expect_refusal(starts[i], (const char *const[]){env_path, "line 1", NULL});
    }
    memset(line, 'N', sizeof(line) - 1);
    memcpy(line + sizeof(line) - 3, "=1", 2);
    write_env(line);
    expect_refusal("a long name", (const char *const[]){"line 1", "name this long: NNN", NULL});
}

static void what_hinders_a_try_is_off_where_nobody_set_it(void **state)
{
    struct settings settings;
    (void)state;
    write_env("export DEVICE_TOKENS = required # as on the net\nDAILY_MESSAGES=7\n");
    setenv("KEY_DAILY_MESSAGES", "8", 1);
    load(&settings);
    settings_open_private(&settings);
    assert_string_equal(settings.api_keys, "off");
    assert_string_equal(settings.device_tokens, "required");
    assert_int_equal(settings.daily_messages, 7);
    assert_int_equal(settings.key_daily_messages, 8);
    assert_int_equal(settings.recipient_daily_messages, 0);
    assert_int_equal(settings.device_segments_per_minute, 0);
}

static void bad_values_of_the_environment_are_refused(void **state)
{
    (void)state;
    write_env("HTTP_PORT=9000\n");
    setenv("HTTP_PORT", "70000", 1);
    expect_refusal("HTTP_PORT", (const char *const[]){"the environment", "HTTP_PORT", "1 to 65535",
                                                      "\"70000\"", NULL});
    setenv("HTTP_PORT", "", 1);
    expect_refusal("HTTP_PORT", (const char *const[]){"the environment", "HTTP_PORT", NULL});
    unsetenv("HTTP_PORT");
    setenv("DATABASE_PATH", "two\nlines", 1);
    expect_refusal("DATABASE_PATH", (const char *const[]){"the environment", "line ends", NULL});
}

/* ---- Every number, every text ---- */

static bool accepts(const struct row *row, const char *value, struct settings *settings)
{
    char errmsg[ERRMSG_SIZE];
    setenv(row->name, value, 1);
    bool from_environment = settings_load(settings, env_path, false, errmsg);
    unsetenv(row->name);
    if (!from_environment)
        assert_non_null(strstr(errmsg, row->name));
    return from_environment;
}

static bool accepts_number(const struct row *row, int64_t number)
{
    struct settings settings;
    char value[32];
    snprintf(value, sizeof(value), "%lld", (long long)number);
    bool good = accepts(row, value, &settings);
    if (good)
        assert_int_equal(number_in(&settings, row), number);
    return good;
}

static void every_number_has_its_range(void **state)
{
    (void)state;
    for (const struct row *row = rows; row < rows + ARRAY_LENGTH(rows); row++) {
        char range[64];
        if (row->is_text)
            continue;
        assert_in_range(row->number_default - row->smallest, 0, row->largest - row->smallest);
        if (!accepts_number(row, row->smallest) || !accepts_number(row, row->largest))
            fail_msg("%s refuses the end of its range", row->name);
        if (accepts_number(row, row->smallest - 1) || accepts_number(row, row->largest + 1))
            fail_msg("%s accepts more than its range", row->name);
        setenv(row->name, "-1", 1);
        snprintf(range, sizeof(range), "%lld to %lld", (long long)row->smallest,
                 (long long)row->largest);
        expect_refusal(row->name, (const char *const[]){row->name, range, row->unit, "-1", NULL});
        unsetenv(row->name);
    }
}

static void every_number_is_whole_and_decimal(void **state)
{
    static const char *const bad[] = {"",
                                      " 5",
                                      "5 ",
                                      "+5",
                                      "-5",
                                      "5.0",
                                      "5,0",
                                      "1e1",
                                      "0x5",
                                      "5s",
                                      "five",
                                      "5 5",
                                      "\t5",
                                      "--5",
                                      "5-",
                                      "9223372036854775808",
                                      "99999999999999999999999999",
                                      "\xd9\xa5",
                                      "infinity"};
    (void)state;
    for (const struct row *row = rows; row < rows + ARRAY_LENGTH(rows); row++) {
        struct settings settings;
        for (size_t i = 0; !row->is_text && i < ARRAY_LENGTH(bad); i++) {
            if (accepts(row, bad[i], &settings))
                fail_msg("%s accepts \"%s\"", row->name, bad[i]);
        }
    }
}

/* None only where that is the default, so that what is printed can be read back. */
static void texts_of_any_kind_have_1_to_1023_characters(void **state)
{
    (void)state;
    for (const struct row *row = rows; row < rows + ARRAY_LENGTH(rows); row++) {
        struct settings settings;
        char value[SETTINGS_TEXT_SIZE + 1] = "x";
        if (!row->is_text || row->allowed)
            continue;
        assert_true(accepts(row, value, &settings));
        assert_int_equal(accepts(row, "", &settings), *row->text_default == '\0');
        memset(value, 'x', SETTINGS_TEXT_SIZE);
        assert_false(accepts(row, value, &settings));
        value[SETTINGS_TEXT_SIZE - 1] = '\0';
        assert_true(accepts(row, value, &settings));
        assert_string_equal(text_in(&settings, row), value);
    }
}

static void the_log_level_is_one_of_its_words(void **state)
{
    static const struct {
        const char *value;
        bool good;
    } cases[] = {
        {"debug", true},
        {"info", true},
        {"warning", true},
        {"error", true},
        {"", false},
        {"i", false},
        {"inf", false},
        {"infos", false},
        {"INFO", false},
        {" info", false},
        {"info ", false},
        {"nfo", false},
        {"warn", false},
        {"|", false},
        {"debug|", false},
        {"|info", false},
        {"debug|info", false},
        {"info|warning", false},
        {"debug|info|warning|error", false},
    };
    const struct row *row = rows;
    (void)state;
    while (strcmp(row->name, "LOG_LEVEL") != 0)
        row++;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct settings settings;
        if (accepts(row, cases[i].value, &settings) != cases[i].good)
            fail_msg("\"%s\" is %s", cases[i].value, cases[i].good ? "refused" : "accepted");
    }
}

static void prefixes_are_checked_and_may_be_none(void **state)
{
    static const struct {
        const char *value;
        bool good;
    } cases[] = {
        {"", true},    {"+49", true},  {" +49, +4366", true}, {"49", false},
        {"+0", false}, {"all", false}, {"+49 '", false},      {"+49\n+1", false},
    };
    char many[SETTINGS_TEXT_SIZE + 1];
    const struct row *row = rows;
    (void)state;
    while (strcmp(row->name, "DENIED_PREFIXES") != 0)
        row++;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct settings settings;
        if (accepts(row, cases[i].value, &settings) != cases[i].good)
            fail_msg("\"%s\" is %s", cases[i].value, cases[i].good ? "refused" : "accepted");
        if (cases[i].good)
            assert_string_equal(settings.denied_prefixes, cases[i].value);
    }
    setenv(row->name, "0043", 1);
    expect_refusal("a prefix",
                   (const char *[]){"DENIED_PREFIXES", "\"+49 +4366\"", "\"0043\"", NULL});
    memset(many, ' ', SETTINGS_TEXT_SIZE);
    many[SETTINGS_TEXT_SIZE] = '\0';
    setenv(row->name, many, 1);
    expect_refusal("a long list", (const char *[]){"DENIED_PREFIXES", "is too long", NULL});
}

/* ---- DATABASE_URL ---- */

static void expect_database(const char *file, const char *path, const char *refusal_words)
{
    struct settings settings;
    char errmsg[ERRMSG_SIZE] = "";
    write_env(file);
    bool good = settings_load_option(&settings, env_path, errmsg);
    assert_int_equal(good, path != NULL);
    if (path)
        assert_string_equal(settings.database_path, path);
    else if (!strstr(errmsg, "DATABASE_URL") || !strstr(errmsg, refusal_words))
        fail_msg("%s: %s", file, errmsg);
}

static void a_url_names_the_database_too(void **state)
{
    (void)state;
    expect_database("", "data/sms-gateway.db", NULL);
    expect_database("DATABASE_URL=\nDATABASE_PATH=a.db", "a.db", NULL);
    expect_database("DATABASE_URL=sqlite:a/b.db", "a/b.db", NULL);
    expect_database("DATABASE_URL=sqlite:/a/b.db", "/a/b.db", NULL);
    expect_database("DATABASE_URL=sqlite:a.db\nDATABASE_PATH=a.db", "a.db", NULL);
    expect_database("DATABASE_URL=sqlite:a.db\nDATABASE_PATH=b.db", NULL, "two databases");
    expect_database("DATABASE_URL=sqlite:", NULL, "DATABASE_PATH");
    expect_database("DATABASE_URL=sqlite:~/a.db", NULL, "~");
    expect_database("DATABASE_URL=sqlite:///a/b.db", NULL, "without slashes before it");
    expect_database("DATABASE_URL=sqlite:////a/b.db", NULL, "without slashes before it");
    expect_database("DATABASE_URL=sqlite://a.db", NULL, "without slashes before it");
    expect_database("DATABASE_URL=memory:", NULL, "ws-broker are two");
    expect_database("DATABASE_URL=postgresql:sms", NULL, "postgresql://USER@HOST/DATABASE");
    expect_database("DATABASE_URL=mysql://localhost/sms", NULL, "must be sqlite:");
    expect_database("DATABASE_URL=a.db", NULL, "must be sqlite:");
}

static void a_url_of_postgresql_is_used_as_it_is_and_shown_without_its_password(void **state)
{
    static const struct {
        const char *url, *shown;
    } cases[] = {
        {"postgresql://gateway:secret@db.example.org:5432/sms?sslmode=verify-full",
         "postgresql://gateway@db.example.org:5432/sms"},
        {"postgres://gateway@/sms?host=/run/postgresql", "postgres://gateway@/sms"},
        {"postgresql://a:b@c:d@host/sms", "postgresql://a@host/sms"},
        {"postgresql://host:5433/sms", "postgresql://host:5433/sms"},
        {"postgresql:///sms", "postgresql:///sms"},
        {"postgresql://gateway:se?cr:et@host/sms?sslmode=require", "postgresql://gateway@host/sms"},
        {"postgresql://gateway:pass/word@host/sms", "postgresql://gateway@host/sms"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct settings settings;
        char file[512], errmsg[ERRMSG_SIZE], shown[SETTINGS_TEXT_SIZE];
        snprintf(file, sizeof(file), "DATABASE_PATH=a.db\nDATABASE_URL=%s", cases[i].url);
        write_env(file);
        assert_true(settings_load_option(&settings, env_path, errmsg));
        assert_string_equal(database_dsn(&settings), cases[i].url);
        database_shown(&settings, shown);
        assert_string_equal(shown, cases[i].shown);
    }
}

static void a_node_has_a_name_that_others_can_read(void **state)
{
    struct settings settings;
    char errmsg[ERRMSG_SIZE], name[NODE_NAME_SIZE];
    (void)state;
    write_env("NODE_NAME=alpha-1.example");
    assert_true(settings_load_option(&settings, env_path, errmsg));
    database_node_name(&settings, name);
    assert_string_equal(name, "alpha-1.example");
    write_env("");
    assert_true(settings_load_option(&settings, env_path, errmsg));
    database_node_name(&settings, name);
    assert_true(*name);
    write_env("NODE_NAME=alpha one");
    assert_false(settings_load_option(&settings, env_path, errmsg));
    assert_non_null(strstr(errmsg, "NODE_NAME"));
    write_env("NODE_NAME=a2345678901234567890123456789012345678901");
    assert_false(settings_load_option(&settings, env_path, errmsg));
    assert_non_null(strstr(errmsg, "at most 40"));
}

static void a_password_can_be_left_out_of_a_url(void **state)
{
    static const char *const cases[][2] = {
        {"postgresql://a:secret@host:1/sms?sslmode=require",
         "postgresql://a@host:1/sms?sslmode=require"},
        {"postgresql://a@host/sms?password=secret", "postgresql://a@host/sms"},
        {"postgresql://a@host/sms?password=secret&sslpassword=other&sslmode=require",
         "postgresql://a@host/sms?sslmode=require"},
        {"postgresql://host:5432/sms?host=/run/a&port=1",
         "postgresql://host:5432/sms?host=/run/a&port=1"},
        {"sqlite:a:b@c", "sqlite:a:b@c"},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char url[SETTINGS_TEXT_SIZE];
        strcpy(url, cases[i][0]);
        database_url_remove_password(url);
        assert_string_equal(url, cases[i][1]);
    }
}

/* test_settings_print.c reads back what is printed. */

#define FILE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

UNIT_TESTS(FILE_TEST(without_a_file_all_are_defaults), FILE_TEST(a_required_file_must_be_there),
           FILE_TEST(a_folder_is_no_file), FILE_TEST(files_are_read_as_people_write_them),
           FILE_TEST(the_environment_wins_over_the_file),
           FILE_TEST(bad_lines_are_refused_with_their_number), FILE_TEST(a_nul_byte_is_refused),
           FILE_TEST(utf_16_is_refused), FILE_TEST(a_file_that_is_too_large_is_refused),
           FILE_TEST(a_link_that_leads_nowhere_is_refused), FILE_TEST(a_pipe_is_refused),
           FILE_TEST(names_of_other_programs_are_left_to_them),
           FILE_TEST(what_hinders_a_try_is_off_where_nobody_set_it),
           FILE_TEST(an_endless_line_is_refused_in_a_short_sentence),
           FILE_TEST(bad_values_of_the_environment_are_refused),
           FILE_TEST(every_number_has_its_range), FILE_TEST(every_number_is_whole_and_decimal),
           FILE_TEST(texts_of_any_kind_have_1_to_1023_characters),
           FILE_TEST(the_log_level_is_one_of_its_words),
           FILE_TEST(prefixes_are_checked_and_may_be_none), FILE_TEST(a_url_names_the_database_too),
           FILE_TEST(a_url_of_postgresql_is_used_as_it_is_and_shown_without_its_password),
           FILE_TEST(a_node_has_a_name_that_others_can_read),
           cmocka_unit_test(a_password_can_be_left_out_of_a_url))
