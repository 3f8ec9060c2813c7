#include "common/process/settings.h"

#include "common/base/name_match.h"
#include "common/base/utf8.h"
#include "common/model/prefix_list.h"
#include "common/process/database_url.h"
#include "common/process/env_file.h"
#include "common/process/settings_check.h"
#include "common/process/settings_table.h"
#include "settings_file.h" /* generated */

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SHOWN_SIZE = 80 };

const char settings_default_file[] = SETTINGS_FILE;

/* What every kind has; then its own. */
#define SETTING(kind, field, setting_name, used, what, ...)                                        \
    {.type = (kind),                                                                               \
     .offset = offsetof(struct settings, field),                                                   \
     .name = (setting_name),                                                                       \
     .used_by = (used),                                                                            \
     .meaning = (what),                                                                            \
     __VA_ARGS__},

const struct setting settings_table[SETTINGS_COUNT] = {
#define TEXT(field, name, default_value, allowed_values, used, what)                               \
    SETTING(SETTING_TEXT, field, name, used, what, .unit = "", .default_text = (default_value),    \
            .allowed = (allowed_values))
#define PATHNAME(field, name, default_value, used, what)                                           \
    SETTING(SETTING_PATH, field, name, used, what, .unit = "", .default_text = (default_value))
#define PREFIXES(field, name, default_value, used, what)                                           \
    SETTING(SETTING_PREFIXES, field, name, used, what, .unit = "", .default_text = (default_value))
#define NUMBER(field, name, unit_name, default_value, low, high, used, what)                       \
    SETTING(SETTING_NUMBER, field, name, used, what, .unit = (unit_name),                          \
            .default_number = (default_value), .smallest = (low), .largest = (high))
#include "common/process/settings.def"
#undef TEXT
#undef NUMBER
};

static const struct setting *find(const char *name)
{
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        if (strcmp(settings_table[i].name, name) == 0)
            return &settings_table[i];
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

/* A value for an error message: short, without control or look-alike characters. */
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

/* `where` is the origin of the value, for the error message. */
static bool assign_text(struct settings *settings, const struct setting *setting, const char *value,
                        const char *where, char *errmsg)
{
    char text[SHOWN_SIZE];
    bool may_be_empty = *setting->default_text == '\0';
    if ((*value == '\0' && !may_be_empty) || strlen(value) >= SETTINGS_TEXT_SIZE ||
        strpbrk(value, "\n\r'\"")) {
        return errmsg_set(
            errmsg, "%s: %s must be a text of %d to %d characters without quotes and line ends",
            where, setting->name, may_be_empty ? 0 : 1, SETTINGS_TEXT_SIZE - 1);
    }
    if (setting->allowed && !is_allowed(setting->allowed, value)) {
        return errmsg_set(errmsg, "%s: %s must be one of %s, and is \"%s\"", where, setting->name,
                          setting->allowed, shown(value, text));
    }
    strcpy(setting_text(settings, setting), value);
    return true;
}

/* Why the text cannot be the path of a file; NULL if it can. */
static const char *path_fault(const char *path)
{
    size_t scheme = 0;
    while (isalnum((unsigned char)path[scheme]) || (path[scheme] && strchr("+-.", path[scheme])))
        scheme++;
    if (*path == '~')
        return "begins with ~, which only a shell expands: write the whole path";
    if (strchr(path, '$'))
        return "contains a $, which is not expanded here: write the whole path";
    if (strchr(path, '\\'))
        return "contains a backslash: folders are separated by /";
    if (path[scheme] == ':' && scheme != 1)
        return "must be the path of a file, not a URL: write the path alone";
    for (const char *p = path, *end = path + strlen(path); p < end;) {
        int32_t point = utf8_next(&p, end);
        if (point >= 0 && utf8_is_control(point))
            return "contains a control character";
        p += point < 0; /* a file name may contain any bytes */
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
        return errmsg_set(errmsg, "%s: %s=%s %s", where, setting->name, shown(value, text), fault);
    return true;
}

static bool assign_prefixes(struct settings *settings, const struct setting *setting,
                            const char *value, const char *where, char *errmsg)
{
    struct prefix_list list;
    char reason[ERRMSG_SIZE];
    if (strlen(value) >= SETTINGS_TEXT_SIZE || !prefix_list_parse(value, &list, reason)) {
        return errmsg_set(errmsg, "%s: %s %.300s", where, setting->name,
                          strlen(value) >= SETTINGS_TEXT_SIZE ? "is too long" : reason);
    }
    strcpy(setting_text(settings, setting), value);
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
        return errmsg_set(errmsg,
                          "%s: %s must be a whole number from %" PRId64 " to %" PRId64
                          " (%s), and is \"%s\"%s",
                          where, setting->name, setting->smallest, setting->largest, setting->unit,
                          shown(value, text), *value ? "" : ": remove the line for the default");
    }
    *setting_number(settings, setting) = number;
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
        settings->is_set[setting - settings_table] = true;
    return good;
}

/* A name that is not a setting: of another program that uses the same file, or misspelt. */
static bool note_other_name(struct settings *settings, const char *name, const char *where,
                            char *errmsg)
{
    const struct setting *nearest = NULL;
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        if (name_match(name, settings_table[i].name) >
            (nearest ? name_match(name, nearest->name) : 0))
            nearest = &settings_table[i];
    }
    if (nearest) {
        return errmsg_set(errmsg, "%s: there is no setting %.60s; did you mean %s?", where, name,
                          nearest->name);
    }
    char *list = settings->other_names;
    size_t length = strlen(list);
    if (length + strlen(name) + 3 < sizeof(settings->other_names))
        snprintf(list + length, sizeof(settings->other_names) - length, "%s%s",
                 length > 0 ? ", " : "", name);
    return true;
}

/* Without quotes: a comment as in other languages, or a second setting, would become the end of a path. */
static bool check_end(const char *rest, const char *where, const char *name, char *errmsg)
{
    rest += strspn(rest, " \t");
    if (*rest == '"' || *rest == '\'')
        return true;
    for (const char *word = rest; (word = strpbrk(word, " \t"));) {
        char other[64] = "";
        word += strspn(word, " \t");
        if (*word == '#') /* a comment */
            return true;
        if (strncmp(word, "//", 2) == 0 || *word == ';')
            return errmsg_set(
                errmsg,
                "%s: %s has a \"%.*s\" behind a space: write a comment with #, or put the"
                " value in quotes if it is part of it",
                where, name, *word == ';' ? 1 : 2, word);
        size_t length = strcspn(word, "= \t");
        if (word[length] == '=' && length < sizeof(other)) {
            memcpy(other, word, length);
            if (find(other))
                return errmsg_set(errmsg,
                                  "%s: %s and %s are on one line: give each a line of its own",
                                  where, name, other);
        }
    }
    return true;
}

static bool read_line(struct settings *settings, const struct env_file *file, const char *name,
                      char *rest, char *errmsg)
{
    const struct setting *setting = find(name);
    if (!setting)
        return note_other_name(settings, name, file->where, errmsg);
    if (!check_end(rest, file->where, name, errmsg))
        return false;
    const char *value = env_file_value(file, name, rest, errmsg);
    return value && assign(settings, setting, value, file->where, errmsg);
}

static bool read_file(struct settings *settings, const char *path, bool required, char *errmsg)
{
    struct env_file file;
    char *name, *rest;
    bool good = true;
    if (!env_file_open(&file, path, required, errmsg))
        return false;
    while (good && env_file_next(&file, &name, &rest, errmsg))
        good = read_line(settings, &file, name, rest, errmsg);
    env_file_close(&file);
    return good && *errmsg == '\0';
}

bool settings_load(struct settings *settings, const char *env_file, bool required,
                   char errmsg[ERRMSG_SIZE])
{
    memset(settings, 0, sizeof(*settings));
    *errmsg = '\0';
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        if (settings_table[i].type != SETTING_NUMBER)
            strcpy(setting_text(settings, &settings_table[i]), settings_table[i].default_text);
        else
            *setting_number(settings, &settings_table[i]) = settings_table[i].default_number;
    }
    if (!read_file(settings, env_file, required, errmsg))
        return false;
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        const char *value = getenv(settings_table[i].name);
        if (value && !assign(settings, &settings_table[i], value, "the environment", errmsg))
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
    char errmsg[ERRMSG_SIZE];
    for (size_t i = 0; i < ARRAY_LENGTH(values); i++) {
        const struct setting *setting = find(values[i][0]);
        if (!settings->is_set[setting - settings_table] &&
            !assign(settings, setting, values[i][1], "make run", errmsg))
            abort(); /* the list above is wrong */
    }
}

/* Sets DATABASE_PATH from DATABASE_URL. */
static bool apply_database_url(struct settings *settings, char *errmsg)
{
    static const char scheme[] = "sqlite:";
    char text[SHOWN_SIZE], other[SHOWN_SIZE];
    const char *url = settings->database_url, *path = url + strlen(scheme);

    if (*url == '\0' || database_url_is_postgresql(url))
        return true;
    if (strcmp(url, "memory:") == 0)
        errmsg_set(errmsg,
                   "DATABASE_URL=memory: keeps messages inside one process, for tests; api-fcgi and"
                   " ws-broker are two: use sqlite: and the path of a file");
    else if (strncmp(url, scheme, strlen(scheme)) != 0)
        errmsg_set(errmsg,
                   "DATABASE_URL must be sqlite: and the path of a file, as"
                   " sqlite:data/sms-gateway.db, or postgresql:// and a server, as"
                   " postgresql://USER@HOST/DATABASE, and begins with \"%.*s\"",
                   (int)strcspn(url, ":"), shown(url, text)); /* it may have a password */
    else if (strncmp(path, "//", 2) ==
             0) /* others mean a path from the working directory by three slashes */
        errmsg_set(errmsg,
                   "DATABASE_URL=%s: behind sqlite: stands the path alone, without slashes before"
                   " it, as sqlite:data/sms-gateway.db or sqlite:/var/lib/sms-gateway.db",
                   shown(url, text));
    else if (settings->is_set[SETTINGS_NUMBER_OF_database_path] &&
             strcmp(path, settings->database_path) != 0)
        errmsg_set(errmsg,
                   "DATABASE_URL=%s and DATABASE_PATH=%s name two databases: set one of the two",
                   shown(url, text), shown(settings->database_path, other));
    else
        return assign(settings, find("DATABASE_PATH"), path, "DATABASE_URL", errmsg);
    return false;
}

bool settings_load_option(struct settings *settings, const char *env_file, char errmsg[ERRMSG_SIZE])
{
    if (settings_load(settings, env_file ? env_file : settings_default_file, env_file != NULL,
                      errmsg))
        return apply_database_url(settings, errmsg) && settings_check(settings, errmsg);
    bool installed = !env_file && *settings_default_file == '/';
    if (installed && access(settings_default_file, R_OK) < 0 && errno == EACCES)
        errmsg_set(errmsg, "cannot read %s: run this command as root or as the user sms-gateway",
                   settings_default_file);
    return false;
}

void settings_socket_path(const struct settings *settings, const char *name,
                          char path[SETTINGS_TEXT_SIZE])
{
    int length = snprintf(path, SETTINGS_TEXT_SIZE, "%s/%s", settings->runtime_dir, name);
    if (length >= SETTINGS_TEXT_SIZE)
        *path = '\0';
}
