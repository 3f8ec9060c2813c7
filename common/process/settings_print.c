/* The settings in print: values, help, .env.example, SETTINGS.md and the man page. */
#include "common/base/man_page.h"
#include "common/base/utf8.h"
#include "common/process/settings_table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    size_t first; /* setting */
    const char *title;
} sections[] = {
#define SECTION(field, title) {SETTINGS_NUMBER_OF_##field, title},
#define TEXT(...)
#define NUMBER(...)
#include "common/process/settings.def"
#undef TEXT
#undef NUMBER
};

/* The title of the section that begins with this setting; NULL: none begins. */
static const char *section_title(size_t setting)
{
    for (size_t i = 0; i < ARRAY_LENGTH(sections); i++) {
        if (sections[i].first == setting)
            return sections[i].title;
    }
    return NULL;
}

/* ---- Effective values ---- */

void settings_print(const struct settings *settings, FILE *out)
{
    for (const struct setting *s = settings_table; s < settings_table + SETTINGS_COUNT; s++) {
        if (s->type != SETTING_NUMBER)
            fprintf(out, "%s='%s'\n", s->name, setting_text(settings, s));
        else
            fprintf(out, "%s=%" PRId64 "\n", s->name, *setting_number(settings, s));
    }
}

void settings_write_json(const struct settings *settings, struct json_writer *json)
{
    for (const struct setting *s = settings_table; s < settings_table + SETTINGS_COUNT; s++) {
        const char *text = setting_text(settings, s);
        if (s->type != SETTING_NUMBER) /* JSON cannot hold a path that is not UTF-8 */
            json_put_text(json, s->name, utf8_valid(text, strlen(text)) ? text : NULL);
        else
            json_put_integer(json, s->name, *setting_number(settings, s));
    }
}

/* ---- The list ---- */

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
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        const struct setting *s = &settings_table[i];
        const char *title = section_title(i);
        if (title)
            fprintf(out, "%s%s:\n", i > 0 ? "\n" : "", title);
        fprintf(out, "  %s (", s->name);
        print_values(s, "|", out);
        fprintf(out, "%s%s; default ", *s->unit ? " " : "", s->unit);
        if (has_default(s))
            print_default(s, out);
        else
            fputs("empty", out);
        fprintf(out, ")\n      %s.\n", s->meaning);
    }
}

void settings_print_env_example(FILE *out)
{
    fputs("# Settings of the SMS gateway. Copy this file to .env, and uncomment the lines that you"
          " change.\n"
          "# Environment variables override this file. `build/sms-gateway settings check` finds\n"
          "# mistakes, `settings show` prints the values in effect; common/SETTINGS.md has the same"
          " list\n"
          "# as tables.\n"
          "# NAME=value. Allowed: quotes around the value, `export` before the name, and a comment"
          " after\n"
          "# the value (space, then #). Nothing is expanded: no ~, no $HOME.\n",
          out);
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        const struct setting *s = &settings_table[i];
        const char *title = section_title(i);
        if (title)
            fprintf(out, "\n# ---- %s ----\n", title);
        fprintf(out, "\n# %s.\n# ", s->meaning);
        print_values(s, "|", out);
        fprintf(out, "%s%s\n#%s=", *s->unit ? " " : "", s->unit, s->name);
        print_default(s, out);
        fputc('\n', out);
    }
}

static void print_markdown_row(const struct setting *s, FILE *out)
{
    fprintf(out, "| `%s` | ", s->name);
    print_values(s, ", ", out);
    fprintf(out, " | %s | ", s->unit);
    if (has_default(s)) {
        fputc('`', out);
        print_default(s, out);
        fputc('`', out);
    }
    fprintf(out, " | %s | %s |\n", s->used_by, s->meaning);
}

void settings_print_markdown(FILE *out)
{
    fputs(
        "# Settings\n\n"
        "A setting is an environment variable, else a line in `.env` in the working directory"
        " (or in the\n"
        "file of `--env-file`), else its default. A program with a wrong setting does not start,"
        " and says\n"
        "which setting is wrong. `sms-gateway settings check` reports the same beforehand, and also"
        "\n"
        "checks addresses, files and ports on this machine. `build/api-fcgi"
        " --print-settings=markdown`\n"
        "prints this page from `common/process/settings.def`.\n\n"
        "The file format is what docker compose, dotenv and a shell have in common:\n\n"
        "- A line is `NAME=value`, a `#` comment, or empty. Spaces around the name and the value,"
        " `export`\n"
        "  before the name, CRLF line ends and a byte order mark are allowed. If a name occurs"
        " twice, the\n"
        "  later line counts.\n"
        "- A value may be in `\"` or `'`. Without quotes it ends before a space followed by `#`:"
        " a comment.\n"
        "  A space followed by `//`, `;` or another setting and `=` is refused: these are no"
        " part of it.\n"
        "  A value contains no quotes and no line ends.\n"
        "- Nothing is expanded. `$`, a backquote and a backslash are refused except in single"
        " quotes; a\n"
        "  path may not contain them, nor start with `~` or `sqlite:`.\n"
        "- `NAME: value`, UTF-16, no-break spaces and typographic quotes are refused, and so is a"
        " name\n"
        "  that looks like a misspelt setting. Other names are left to other programs that use the"
        " file\n"
        "  (`TZ`, `COMPOSE_PROJECT_NAME`) and listed at the start.\n\n"
        "An installed gateway reads `/etc/sms-gateway/settings.env` by the same rules. systemd"
        " does not\n"
        "read that file: its `EnvironmentFile=` would take a comment after a value as part of the"
        " value.\n",
        out);
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        const char *title = section_title(i);
        if (title)
            fprintf(out,
                    "\n## %s\n\n"
                    "| name | values | unit | default | used by | meaning |\n"
                    "|---|---|---|---|---|---|\n",
                    title);
        print_markdown_row(&settings_table[i], out);
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
    man_text(out,
             "Each line of the file is NAME=value, a # comment, or empty. A value may be in"
             " quotes, and a comment may follow it after a space. Nothing is expanded: no ~ and"
             " no variable. An environment variable of the same name overrides the line.");
    man_text(out,
             "A program with a wrong value, or with a name that looks like a misspelt setting,"
             " does not start, and says which line is wrong; `sms-gateway settings check` reports"
             " it beforehand. Other names are left to other programs.");
    man_text(out, "Unless --env-file names another, the programs read this file:");
    man_line(out, settings_default_file);
    man_heading(out, "SETTINGS");
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        const char *title = section_title(i);
        if (title)
            man_subheading(out, title);
        char *values = describe_values(&settings_table[i]);
        man_item(out, settings_table[i].name, "", values ? values : "");
        man_line(out, settings_table[i].meaning);
        free(values);
    }
    man_heading(out, "SEE ALSO");
    man_text(out, "`sms-gateway`(8), `api-fcgi`(8), `ws-broker`(8), `webhook-sender`(8)");
}
