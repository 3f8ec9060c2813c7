#include "settings.h"

#include "man_page.h"
#include "prefix_list.h"
#include "settings_file.h" /* generated */
#include "utf8.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char settings_default_file[] = SETTINGS_FILE;

enum setting_type { SETTING_TEXT, SETTING_PREFIXES, SETTING_NUMBER };

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
#include "settings.def"
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

/* `where` names the place the value comes from, for the sentence. */
static bool assign_text(struct settings *settings, const struct setting *setting, const char *value,
                        const char *where, char *problem)
{
    bool may_be_empty = *setting->default_text == '\0';
    if ((*value == '\0' && !may_be_empty) || strlen(value) >= SETTINGS_TEXT_SIZE ||
        strpbrk(value, "\n\r'\"")) {
        snprintf(problem, SETTINGS_PROBLEM_SIZE,
                 "%s: %s must be a text of %d to %d characters without quotes and line ends", where,
                 setting->name, may_be_empty ? 0 : 1, SETTINGS_TEXT_SIZE - 1);
        return false;
    }
    if (setting->allowed && !is_allowed(setting->allowed, value)) {
        snprintf(problem, SETTINGS_PROBLEM_SIZE, "%s: %s must be one of %s, and is \"%.60s\"",
                 where, setting->name, setting->allowed, value);
        return false;
    }
    strcpy(text_of(settings, setting), value);
    return true;
}

static bool assign_prefixes(struct settings *settings, const struct setting *setting,
                            const char *value, const char *where, char *problem)
{
    struct prefix_list list;
    char reason[PREFIX_LIST_PROBLEM_SIZE];
    if (strlen(value) >= SETTINGS_TEXT_SIZE || !prefix_list_parse(value, &list, reason)) {
        snprintf(problem, SETTINGS_PROBLEM_SIZE, "%s: %s %s", where, setting->name,
                 strlen(value) >= SETTINGS_TEXT_SIZE ? "is too long" : reason);
        return false;
    }
    strcpy(text_of(settings, setting), value);
    return true;
}

static bool assign_number(struct settings *settings, const struct setting *setting,
                          const char *value, const char *where, char *problem)
{
    char *end;
    errno = 0;
    long long number = strtoll(value, &end, 10);
    bool is_number = isdigit((unsigned char)*value) && *end == '\0' && errno == 0;
    if (!is_number || number < setting->smallest || number > setting->largest) {
        snprintf(problem, SETTINGS_PROBLEM_SIZE,
                 "%s: %s must be a whole number from %" PRId64 " to %" PRId64
                 " (%s), and is \"%.60s\"",
                 where, setting->name, setting->smallest, setting->largest, setting->unit, value);
        return false;
    }
    *number_of(settings, setting) = number;
    return true;
}

static bool assign(struct settings *settings, const struct setting *setting, const char *value,
                   const char *where, char *problem)
{
    switch (setting->type) {
    case SETTING_TEXT:
        return assign_text(settings, setting, value, where, problem);
    case SETTING_PREFIXES:
        return assign_prefixes(settings, setting, value, where, problem);
    case SETTING_NUMBER:
        break;
    }
    return assign_number(settings, setting, value, where, problem);
}

/* Levenshtein's distance, for "did you mean"; names are short. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[64];
    size_t width = MIN(strlen(b), ARRAY_LENGTH(row) - 1);
    for (size_t j = 0; j <= width; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= width; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = MIN(change, MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[width];
}

static void describe_unknown(const char *name, const char *where, char *problem)
{
    const struct setting *nearest = NULL;
    size_t nearest_distance = 6; /* farther is no typing error */
    for (size_t i = 0; i < ARRAY_LENGTH(table); i++) {
        size_t distance = edit_distance(name, table[i].name);
        if (distance < nearest_distance) {
            nearest_distance = distance;
            nearest = &table[i];
        }
    }
    if (nearest)
        snprintf(problem, SETTINGS_PROBLEM_SIZE, "%s: there is no setting %.60s; did you mean %s?",
                 where, name, nearest->name);
    else
        snprintf(problem, SETTINGS_PROBLEM_SIZE,
                 "%s: there is no setting %.60s; `api-fcgi --help` lists them all", where, name);
}

static char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        text[--length] = '\0';
    return text;
}

static char *unquote(char *value)
{
    size_t length = strlen(value);
    if (length >= 2 && (*value == '"' || *value == '\'') && value[length - 1] == *value) {
        value[length - 1] = '\0';
        return value + 1;
    }
    return value;
}

static bool read_line(struct settings *settings, char *line, const char *where, char *problem)
{
    line = trim(line);
    if (*line == '\0' || *line == '#')
        return true;
    char *equals = strchr(line, '=');
    if (!equals) {
        snprintf(problem, SETTINGS_PROBLEM_SIZE, "%s: a line must be NAME=value, or a # comment",
                 where);
        return false;
    }
    *equals = '\0';
    const char *name = trim(line);
    const struct setting *setting = find(name);
    if (!setting) {
        describe_unknown(name, where, problem);
        return false;
    }
    return assign(settings, setting, unquote(trim(equals + 1)), where, problem);
}

static bool read_file(struct settings *settings, const char *path, bool required, char *problem)
{
    FILE *file = fopen(path, "re");
    if (!file) {
        if (errno == ENOENT && !required)
            return true;
        snprintf(problem, SETTINGS_PROBLEM_SIZE, "%s cannot be read: %s", path, strerror(errno));
        return false;
    }
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    bool good = true;
    for (int number = 1; good && (length = getline(&line, &capacity, file)) >= 0; number++) {
        char where[128];
        snprintf(where, sizeof(where), "%.100s line %d", path, number);
        if (strlen(line) == (size_t)length) {
            good = read_line(settings, line, where, problem);
        } else { /* what follows the NUL would be lost unseen */
            snprintf(problem, SETTINGS_PROBLEM_SIZE,
                     "%s: there is a NUL byte in it; the file must be UTF-8", where);
            good = false;
        }
    }
    if (good && ferror(file)) {
        snprintf(problem, SETTINGS_PROBLEM_SIZE, "%s cannot be read: %s", path, strerror(errno));
        good = false;
    }
    free(line);
    fclose(file);
    return good;
}

bool settings_load(struct settings *settings, const char *env_file, bool required,
                   char problem[SETTINGS_PROBLEM_SIZE])
{
    for (size_t i = 0; i < ARRAY_LENGTH(table); i++) {
        if (table[i].type != SETTING_NUMBER)
            strcpy(text_of(settings, &table[i]), table[i].default_text);
        else
            *number_of(settings, &table[i]) = table[i].default_number;
    }
    if (!read_file(settings, env_file, required, problem))
        return false;
    for (size_t i = 0; i < ARRAY_LENGTH(table); i++) {
        const char *value = getenv(table[i].name);
        if (value && !assign(settings, &table[i], value, "the environment", problem))
            return false;
    }
    return true;
}

bool settings_load_option(struct settings *settings, const char *env_file,
                          char problem[SETTINGS_PROBLEM_SIZE])
{
    if (settings_load(settings, env_file ? env_file : settings_default_file, env_file != NULL,
                      problem))
        return true;
    bool installed = !env_file && *settings_default_file == '/';
    if (installed && access(settings_default_file, R_OK) < 0 && errno == EACCES)
        snprintf(problem, SETTINGS_PROBLEM_SIZE,
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
    const char *any = setting->type == SETTING_PREFIXES ? "prefixes" : "text";
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
    fputs(
        "# Settings of the SMS gateway. Copy this file to .env, and uncomment what you change.\n"
        "# Variables of the environment win over this file. `build/api-fcgi --check-config` shows\n"
        "# what is in effect; common/SETTINGS.md is the same list as a table.\n",
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
        "another), then the default. A wrong or unknown one stops the start. This page is printed "
        "by\n"
        "`build/api-fcgi --print-settings=markdown`; the list itself is `common/settings.def`.\n\n"
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
                  " quotes around it. What the environment has by the same name counts more.");
    man_text(out, "A name that there is not, or a value that cannot be, stops the programs when"
                  " they start, with one line that says which; `sms-gateway settings check` says"
                  " so before.");
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
