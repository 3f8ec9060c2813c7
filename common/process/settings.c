#include "common/process/settings.h"

#include "common/base/man_page.h"
#include "common/base/name_match.h"
#include "common/base/utf8.h"
#include "common/model/prefix_list.h"
#include "common/process/env_file.h"
#include "common/process/settings_check.h"
#include "settings_file.h" /* generated */

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SHOWN_SIZE = 80 };

const char settings_default_file[] = SETTINGS_FILE;

enum setting_type { SETTING_TEXT, SETTING_PATH, SETTING_PREFIXES, SETTING_NUMBER };

static const struct setting {
    enum setting_type type;
    size_t offset; /* in struct settings */
    const char *name;
    const char *unit;
    const char *default_text;
    int64_t default_number;
    int64_t smallest;
    int64_t largest;
    const char *allowed;
    const char *used_by;
    const char *meaning;
} table[] = {
#define TEXT(field, setting_name, default_value, allowed_values, used, what)                       \
    {.type = SETTING_TEXT,                                                                         \
     .offset = offsetof(struct settings, field),                                                   \
     .name = setting_name,                                                                         \
     .unit = "",                                                                                   \
     .default_text = default_value,                                                                \
     .allowed = allowed_values,                                                                    \
     .used_by = used,                                                                              \
     .meaning = what},
#define PATHNAME(field, setting_name, default_value, used, what)                                   \
    {.type = SETTING_PATH,                                                                         \
     .offset = offsetof(struct settings, field),                                                   \
     .name = setting_name,                                                                         \
     .unit = "",                                                                                   \
     .default_text = default_value,                                                                \
     .used_by = used,                                                                              \
     .meaning = what},
#define PREFIXES(field, setting_name, default_value, used, what)                                   \
    {.type = SETTING_PREFIXES,                                                                     \
     .offset = offsetof(struct settings, field),                                                   \
     .name = setting_name,                                                                         \
     .unit = "",                                                                                   \
     .default_text = default_value,                                                                \
     .used_by = used,                                                                              \
     .meaning = what},
#define NUMBER(field, setting_name, unit_name, default_value, low, high, used, what)               \
    {.type = SETTING_NUMBER,                                                                       \
     .offset = offsetof(struct settings, field),                                                   \
     .name = setting_name,                                                                         \
     .unit = unit_name,                                                                            \
     .default_number = default_value,                                                              \
     .smallest = low,                                                                              \
     .largest = high,                                                                              \
     .used_by = used,                                                                              \
     .meaning = what},
#include "common/process/settings.def"
#undef TEXT
#undef NUMBER
};

static char *text_of(const struct settings *settings, const struct setting *setting)
{
    return (char *)settings + setting->offset;
}

static int64_t *number_of(const struct settings *settings, const struct setting *setting)
{
    return (int64_t *)((char *)settings + setting->offset);
}

static const struct setting *find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(table); i++) {
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    }
    return NULL;
}

static bool is_allowed(const char *allowed, const char *value)
{
    size_t length = strlen(value);
    while (*allowed) {
        size_t word = strcspn(allowed, "|");
        if (word == length && strncmp(allowed, value, length) == 0)
            return true;
        allowed += word + (allowed[word] == '|');
    }
    return false;
}

/* A value in a sentence: short, and with nothing that a terminal would obey or hide. */
static const char *shown(const char *value, char text[SHOWN_SIZE])
{
    const char *end = value + strlen(value);
    size_t length = 0;
    while (value < end && length < SHOWN_SIZE - 8) {
        const char *start = value;
        int32_t point = utf8_next(&value, end);
        value += point < 0;
        if (point < 0)
            length += (size_t)snprintf(text + length, 5, "\\x%02x", (unsigned char)*start);
        else if (utf8_is_control(point) || point >= 0x80)
            length += (size_t)snprintf(text + length, 9, "U+%04X", (unsigned)point);
        else
            text[length++] = (char)point;
    }
    text[length] = '\0';
    return text;
}

/* `where` names the place the value comes from, for the sentence. */
static bool assign_text(struct settings *settings, const struct setting *setting, const char *value,
                        const char *where, char *errmsg)
{
    char text[SHOWN_SIZE];
    bool may_be_empty = *setting->default_text == '\0';
    if ((*value == '\0' && !may_be_empty) || strlen(value) >= SETTINGS_TEXT_SIZE ||
        strpbrk(value, "\n\r'\"")) {
        snprintf(errmsg, SETTINGS_ERRMSG_SIZE,
                 "%s: %s must be a text of %d to %d characters without quotes and line ends", where,
                 setting->name, may_be_empty ? 0 : 1, SETTINGS_TEXT_SIZE - 1);
        return false;
    }
    if (setting->allowed && !is_allowed(setting->allowed, value)) {
        snprintf(errmsg, SETTINGS_ERRMSG_SIZE, "%s: %s must be one of %s, and is \"%s\"", where,
                 setting->name, setting->allowed, shown(value, text));
        return false;
    }
    strcpy(text_of(settings, setting), value);
    return true;
}

/* Why it is the path of no file; NULL for one that can be. */
static const char *path_fault(const char *path)
{
    size_t scheme = 0;
    while (isalnum((unsigned char)path[scheme]) || (path[scheme] && strchr("+-.", path[scheme])))
        scheme++;
    if (*path == '~')
        return "begins with ~, which a shell expands and this does not: write the whole path";
    if (strchr(path, '$'))
        return "has a $, which is not expanded here: write the whole path";
    if (strchr(path, '\\'))
        return "has a backslash: folders are separated by /";
    if (path[scheme] == ':' && scheme != 1)
        return "must be the path of a file, and begins as a URL does: write it without that";
    for (const char *p = path, *end = path + strlen(path); p < end;) {
        int32_t point = utf8_next(&p, end);
        if (point >= 0 && utf8_is_control(point))
            return "has a control character in it";
        p += point < 0; /* a file's name may be any bytes */
    }
    return NULL;
}

static bool assign_path(struct settings *settings, const struct setting *setting, const char *value,
                        const char *where, char *errmsg)
{
    char text[SHOWN_SIZE];
    const char *fault = path_fault(value);
    if (!assign_text(settings, setting, value, where, errmsg))
        return false;
    if (fault)
        snprintf(errmsg, SETTINGS_ERRMSG_SIZE, "%s: %s=%s %s", where, setting->name,
                 shown(value, text), fault);
    return !fault;
}

static bool assign_prefixes(struct settings *settings, const struct setting *setting,
                            const char *value, const char *where, char *errmsg)
{
    struct prefix_list list;
    char reason[PREFIX_LIST_ERRMSG_SIZE];
    if (strlen(value) >= SETTINGS_TEXT_SIZE || !prefix_list_parse(value, &list, reason)) {
        snprintf(errmsg, SETTINGS_ERRMSG_SIZE, "%s: %s %s", where, setting->name,
                 strlen(value) >= SETTINGS_TEXT_SIZE ? "is too long" : reason);
        return false;
    }
    strcpy(text_of(settings, setting), value);
    return true;
}

static bool assign_number(struct settings *settings, const struct setting *setting,
                          const char *value, const char *where, char *errmsg)
{
    char *end, text[SHOWN_SIZE];
    errno = 0;
    long long number = strtoll(value, &end, 10);
    bool is_number = isdigit((unsigned char)*value) && *end == '\0' && errno == 0;
    if (!is_number || number < setting->smallest || number > setting->largest) {
        snprintf(errmsg, SETTINGS_ERRMSG_SIZE,
                 "%s: %s must be a whole number from %" PRId64 " to %" PRId64
                 " (%s), and is \"%s\"%s",
                 where, setting->name, setting->smallest, setting->largest, setting->unit,
                 shown(value, text), *value ? "" : ": take the line out for the default");
        return false;
    }
    *number_of(settings, setting) = number;
    return true;
}

static bool assign(struct settings *settings, const struct setting *setting, const char *value,
                   const char *where, char *errmsg)
{
    bool good = false;
    switch (setting->type) {
    case SETTING_TEXT:
        good = assign_text(settings, setting, value, where, errmsg);
        break;
    case SETTING_PATH:
        good = assign_path(settings, setting, value, where, errmsg);
        break;
    case SETTING_PREFIXES:
        good = assign_prefixes(settings, setting, value, where, errmsg);
        break;
    case SETTING_NUMBER:
        good = assign_number(settings, setting, value, where, errmsg);
        break;
    }
    if (good)
        settings->is_set[setting - table] = true;
    return good;
}

/* A name that is none of ours: another program's, which may have the file too, or a slip. */
static bool take_other_name(struct settings *settings, const char *name, const char *where,
                            char *errmsg)
{
    const struct setting *nearest = NULL;
    for (size_t i = 0; i < ARRAY_LENGTH(table); i++) {
        if (name_match(name, table[i].name) > (nearest ? name_match(name, nearest->name) : 0))
            nearest = &table[i];
    }
    if (nearest) {
        snprintf(errmsg, SETTINGS_ERRMSG_SIZE, "%s: there is no setting %.60s; did you mean %s?",
                 where, name, nearest->name);
        return false;
    }
    char *list = settings->other_names;
    size_t length = strlen(list);
    if (length + strlen(name) + 3 < sizeof(settings->other_names))
        snprintf(list + length, sizeof(settings->other_names) - length, "%s%s",
                 length > 0 ? ", " : "", name);
    return true;
}

static bool read_file(struct settings *settings, const char *path, bool required, char *errmsg)
{
    struct env_file file;
    char *name, *rest;
    bool good = true;
    if (!env_file_open(&file, path, required, errmsg))
        return false;
    while (good && env_file_next(&file, &name, &rest, errmsg)) {
        const struct setting *setting = find(name);
        const char *value = setting ? env_file_value(&file, name, rest, errmsg) : NULL;
        if (!setting)
            good = take_other_name(settings, name, file.where, errmsg);
        else
            good = value && assign(settings, setting, value, file.where, errmsg);
    }
    env_file_close(&file);
    return good && *errmsg == '\0';
}

bool settings_load(struct settings *settings, const char *env_file, bool required,
                   char errmsg[SETTINGS_ERRMSG_SIZE])
{
    _Static_assert(ARRAY_LENGTH(table) == SETTINGS_COUNT, "one of each");
    memset(settings, 0, sizeof(*settings));
    *errmsg = '\0';
    for (size_t i = 0; i < ARRAY_LENGTH(table); i++) {
        if (table[i].type != SETTING_NUMBER)
            strcpy(text_of(settings, &table[i]), table[i].default_text);
        else
            *number_of(settings, &table[i]) = table[i].default_number;
    }
    if (!read_file(settings, env_file, required, errmsg))
        return false;
    for (size_t i = 0; i < ARRAY_LENGTH(table); i++) {
        const char *value = getenv(table[i].name);
        if (value && !assign(settings, &table[i], value, "the environment", errmsg))
            return false;
    }
    return true;
}

void settings_open_private(struct settings *settings)
{
    static const char *const values[][2] = {
        {"API_KEYS", "off"},
        {"DEVICE_TOKENS", "off"},
        {"RECIPIENT_DAILY_MESSAGES", "0"},
        {"KEY_DAILY_MESSAGES", "0"},
        {"DAILY_MESSAGES", "0"},
        {"PAUSE_AFTER_MESSAGES", "0"},
        {"DEVICE_SEGMENTS_PER_MINUTE", "0"},
        {"DEVICE_DAILY_SEGMENTS", "0"},
    };
    char errmsg[SETTINGS_ERRMSG_SIZE];
    for (size_t i = 0; i < ARRAY_LENGTH(values); i++) {
        const struct setting *setting = find(values[i][0]);
        if (!settings->is_set[setting - table] &&
            !assign(settings, setting, values[i][1], "make run", errmsg))
            abort(); /* the list above is wrong */
    }
}

/* DATABASE_URL gives DATABASE_PATH its value. */
static bool apply_database_url(struct settings *settings, char *errmsg)
{
    static const char scheme[] = "sqlite:";
    char text[SHOWN_SIZE], other[SHOWN_SIZE];
    const char *url = settings->database_url, *path = url + strlen(scheme);

    if (*url == '\0')
        return true;
    if (strcmp(url, "memory:") == 0)
        snprintf(errmsg, SETTINGS_ERRMSG_SIZE,
                 "DATABASE_URL=memory: keeps messages inside one process, for tests; api-fcgi and"
                 " ws-broker are two: use sqlite: and the path of a file");
    else if (strncmp(url, scheme, strlen(scheme)) != 0)
        snprintf(errmsg, SETTINGS_ERRMSG_SIZE,
                 "DATABASE_URL must be sqlite: and the path of a file, as"
                 " sqlite:data/sms-gateway.db, and is \"%s\"",
                 shown(url, text));
    else if (settings->is_set[SETTINGS_NUMBER_OF_database_path] &&
             strcmp(path, settings->database_path) != 0)
        snprintf(errmsg, SETTINGS_ERRMSG_SIZE,
                 "DATABASE_URL=%s and DATABASE_PATH=%s name two databases: set one of the two",
                 shown(url, text), shown(settings->database_path, other));
    else
        return assign(settings, find("DATABASE_PATH"), path, "DATABASE_URL", errmsg);
    return false;
}

bool settings_load_option(struct settings *settings, const char *env_file,
                          char errmsg[SETTINGS_ERRMSG_SIZE])
{
    if (settings_load(settings, env_file ? env_file : settings_default_file, env_file != NULL,
                      errmsg))
        return apply_database_url(settings, errmsg) && settings_check(settings, errmsg);
    bool installed = !env_file && *settings_default_file == '/';
    if (installed && access(settings_default_file, R_OK) < 0 && errno == EACCES)
        snprintf(errmsg, SETTINGS_ERRMSG_SIZE,
                 "%s is not for everybody to read: run this as root, or as the user sms-gateway",
                 settings_default_file);
    return false;
}

void settings_print(const struct settings *settings, FILE *out)
{
    for (size_t i = 0; i < ARRAY_LENGTH(table); i++) {
        if (table[i].type != SETTING_NUMBER)
            fprintf(out, "%s='%s'\n", table[i].name, text_of(settings, &table[i]));
        else
            fprintf(out, "%s=%" PRId64 "\n", table[i].name, *number_of(settings, &table[i]));
    }
}

void settings_write_json(const struct settings *settings, struct json_writer *json)
{
    for (size_t i = 0; i < ARRAY_LENGTH(table); i++) {
        const char *text = text_of(settings, &table[i]);
        if (table[i].type != SETTING_NUMBER) /* a path may be what no JSON can have */
            json_put_text(json, table[i].name, utf8_valid(text, strlen(text)) ? text : NULL);
        else
            json_put_integer(json, table[i].name, *number_of(settings, &table[i]));
    }
}

static bool has_default(const struct setting *setting)
{
    return setting->type == SETTING_NUMBER || *setting->default_text;
}

static void print_default(const struct setting *setting, FILE *out)
{
    if (setting->type != SETTING_NUMBER)
        fputs(setting->default_text, out);
    else
        fprintf(out, "%" PRId64, setting->default_number);
}

static void print_values(const struct setting *setting, const char *separator, FILE *out)
{
    if (setting->type == SETTING_NUMBER) {
        fprintf(out, "%" PRId64 " to %" PRId64, setting->smallest, setting->largest);
        return;
    }
    const char *any = setting->type == SETTING_PREFIXES ? "prefixes"
                      : setting->type == SETTING_PATH   ? "path"
                                                        : "text";
    for (const char *p = setting->allowed ? setting->allowed : any; *p; p++) {
        if (*p == '|')
            fputs(separator, out);
        else
            fputc(*p, out);
    }
}

void settings_print_help(FILE *out)
{
    for (size_t i = 0; i < ARRAY_LENGTH(table); i++) {
        fprintf(out, "  %s (", table[i].name);
        print_values(&table[i], "|", out);
        fprintf(out, "%s%s; default ", *table[i].unit ? " " : "", table[i].unit);
        if (has_default(&table[i]))
            print_default(&table[i], out);
        else
            fputs("empty", out);
        fprintf(out, ")\n      %s.\n", table[i].meaning);
    }
}

void settings_print_env_example(FILE *out)
{
    fputs("# Settings of the SMS gateway. Copy this file to .env, and uncomment what you change.\n"
          "# Variables of the environment win over this file. `build/sms-gateway settings check` "
          "says\n"
          "# what is wrong, `settings show` what is in effect; common/SETTINGS.md is the same list "
          "as a\n"
          "# table.\n"
          "# NAME=value; quotes around the value, `export` before the name and a comment behind a "
          "value\n"
          "# (space, then #) are allowed. Nothing is expanded: no ~, no $HOME.\n",
          out);
    for (size_t i = 0; i < ARRAY_LENGTH(table); i++) {
        fprintf(out, "\n# %s.\n# ", table[i].meaning);
        print_values(&table[i], "|", out);
        fprintf(out, "%s%s\n#%s=", *table[i].unit ? " " : "", table[i].unit, table[i].name);
        print_default(&table[i], out);
        fputc('\n', out);
    }
}

void settings_print_markdown(FILE *out)
{
    fputs(
        "# Settings\n\n"
        "Read from the environment, then from `.env` in the working directory (`--env-file` names\n"
        "another), then the default. A wrong one stops the start with a sentence that says which;\n"
        "`sms-gateway settings check` says so before, and whether this machine has the address, "
        "the\n"
        "files and the ports. This page is printed by `build/api-fcgi --print-settings=markdown`; "
        "the\n"
        "list itself is `common/process/settings.def`.\n\n"
        "The file has lines as docker compose, dotenv and a shell read them alike:\n\n"
        "- `NAME=value`, a `#` comment, or nothing; spaces around each, `export` before the name, "
        "CRLF\n  and a byte order mark are allowed. Of two lines with one name the later counts.\n"
        "- A value may have `\"` or `'` around it. Without them it ends before a space and a `#`: "
        "a\n"
        "  comment. There are no quotes and no line ends in a value.\n"
        "- Nothing is expanded: `$`, a backquote and a backslash are refused but between single "
        "quotes,\n  and a path may have none, and no `~` or `sqlite:` at its start.\n"
        "- `NAME: value`, UTF-16, no-break spaces and typographic quotes are refused, and so is a\n"
        "  name that looks like a setting and is none. Other names are left to the programs that\n"
        "  share the file (`TZ`, `COMPOSE_PROJECT_NAME`), and named at the start.\n\n"
        "An installed gateway reads `/etc/sms-gateway/settings.env` by the same rules. systemd "
        "does not\n"
        "read it: its `EnvironmentFile=` would take a comment behind a value for a part of it.\n\n"
        "| name | values | unit | default | used by | meaning |\n"
        "|---|---|---|---|---|---|\n",
        out);
    for (size_t i = 0; i < ARRAY_LENGTH(table); i++) {
        fprintf(out, "| `%s` | ", table[i].name);
        print_values(&table[i], ", ", out);
        fprintf(out, " | %s | ", table[i].unit);
        if (has_default(&table[i])) {
            fputc('`', out);
            print_default(&table[i], out);
            fputc('`', out);
        }
        fprintf(out, " | %s | %s |\n", table[i].used_by, table[i].meaning);
    }
}

/* "1 to 65535 port; default 8000" */
static char *describe_values(const struct setting *setting)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return NULL;
    print_values(setting, ", ", out);
    fprintf(out, "%s%s", *setting->unit ? " " : "", setting->unit);
    if (has_default(setting)) {
        fputs("; default ", out);
        print_default(setting, out);
    }
    fclose(out);
    return text;
}

void settings_print_man(FILE *out)
{
    man_begin(out, "sms-gateway.env", 5, "settings of the SMS gateway");
    man_heading(out, "DESCRIPTION");
    man_text(out, "Each line of the file is NAME=value, a # comment, or empty; a value may have"
                  " quotes around it, and a comment behind it after a space. Nothing is expanded:"
                  " no ~ and no variable. What the environment has by the same name counts more.");
    man_text(out, "A value that cannot be, or a name that looks like a setting and is none, stops"
                  " the programs when they start, with one line that says which; `sms-gateway"
                  " settings check` says so before. Other names are left to other programs.");
    man_text(out, "Where nobody says otherwise the programs read this file:");
    man_line(out, settings_default_file);
    man_heading(out, "SETTINGS");
    for (size_t i = 0; i < ARRAY_LENGTH(table); i++) {
        char *values = describe_values(&table[i]);
        man_item(out, table[i].name, "", values ? values : "");
        man_line(out, table[i].meaning);
        free(values);
    }
    man_heading(out, "SEE ALSO");
    man_text(out, "`sms-gateway`(8), `api-fcgi`(8), `ws-broker`(8)");
}

void settings_socket_path(const struct settings *settings, const char *name,
                          char path[SETTINGS_TEXT_SIZE])
{
    int length = snprintf(path, SETTINGS_TEXT_SIZE, "%s/%s", settings->runtime_dir, name);
    if (length >= SETTINGS_TEXT_SIZE)
        *path = '\0'; /* binding the empty path fails, as it should */
}
