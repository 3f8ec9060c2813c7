#include "deploy/cli/describe.h"

#include "common/base/man_page.h"

#include <string.h>

enum { WIDTH = 96, DEEPER = 4 };

static const char purpose[] = "operate an SMS gateway on its own machine";

/* Wraps the text at WIDTH, with `indent` spaces before each line. */
static void put_wrapped(FILE *out, int indent, const char *text)
{
    size_t column = 0;
    while (*text) {
        size_t length = strcspn(text, " ");
        if (column > 0 && column + 1 + length > (size_t)(WIDTH - indent)) {
            fputc('\n', out);
            column = 0;
        }
        column += (size_t)fprintf(out, "%*s%.*s", column > 0 ? 1 : indent, "", (int)length, text);
        text += length;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

/* "keys create LABEL" */
static void write_call(const struct command_family *family, const struct command_action *action,
                       char text[128])
{
    snprintf(text, 128, "%s%s%s%s%s", family->name, *action->name ? " " : "", action->name,
             action->argument ? " " : "", action->argument ? action->argument : "");
}

/* "--days" */
static void write_option(const struct command_option *option, char text[64])
{
    snprintf(text, 64, "--%s", option->name);
}

/* ---- Help ---- */

void describe_tool(FILE *out)
{
    fprintf(out, "sms-gateway: %s\n\nusage: sms-gateway FAMILY ACTION [ARGUMENT] [OPTIONS]\n\n",
            purpose);
    for (size_t i = 0; command_families[i]; i++)
        fprintf(out, "  %-10s  %s\n", command_families[i]->name, command_families[i]->purpose);
    fprintf(out,
            "\n`sms-gateway FAMILY --help` shows the actions of a family. Every action takes "
            "--json, and\n--env-file FILE for settings that are not in %s.\n",
            settings_default_file);
}

static void describe_options(const struct command_option *options, int indent, FILE *out)
{
    for (; options && options->name; options++) {
        fprintf(out, "%*s--%s%s%s\n", indent, "", options->name, options->value ? " " : "",
                options->value ? options->value : "");
        put_wrapped(out, indent + DEEPER, options->meaning);
    }
}

void describe_family(const struct command_family *family, FILE *out)
{
    fprintf(out, "sms-gateway %s: %s\n\nusage:\n", family->name, family->purpose);
    for (const struct command_action *a = family->actions; a->name; a++) {
        char call[128];
        write_call(family, a, call);
        fprintf(out, "  sms-gateway %s%s\n", call, a->options ? " [OPTIONS]" : "");
        put_wrapped(out, 2 + DEEPER, a->meaning);
        describe_options(a->options, 2 + DEEPER, out);
    }
    fputs("\nOptions of every action:\n", out);
    describe_options(command_common_options, 2, out);
}

/* ---- Manual page ---- */

static void put_man_option(FILE *out, const struct command_option *option)
{
    char term[64];
    write_option(option, term);
    man_item(out, term, option->value ? option->value : "", option->meaning);
}

void describe_man(FILE *out)
{
    man_begin(out, "sms-gateway", 8, purpose);
    man_heading(out, "SYNOPSIS");
    man_text(out, "`sms-gateway` FAMILY ACTION [ARGUMENT] [OPTIONS]");
    man_heading(out, "DESCRIPTION");
    man_text(out, "Works whether or not the gateway is running. Root becomes the owner of the "
                  "database's folder before the tool opens anything.");
    man_heading(out, "FAMILIES");
    for (size_t i = 0; command_families[i]; i++) {
        const struct command_family *family = command_families[i];
        man_subheading(out, family->name);
        man_text(out, family->purpose);
        for (const struct command_action *a = family->actions; a->name; a++) {
            char call[128];
            write_call(family, a, call);
            man_item(out, call, a->options ? "[OPTIONS]" : "", a->meaning);
            if (!a->options)
                continue;
            man_begin_inner(out);
            for (const struct command_option *option = a->options; option->name; option++)
                put_man_option(out, option);
            man_end_inner(out);
        }
    }
    man_heading(out, "OPTIONS");
    man_text(out, "Every action takes:");
    for (const struct command_option *option = command_common_options; option->name; option++)
        put_man_option(out, option);
    man_heading(out, "FILES");
    man_item(out, settings_default_file, "", "the settings: `sms-gateway.env`(5)");
    man_heading(out, "EXIT STATUS");
    man_text(out, "0: success. 1: the action was refused or failed. 2: wrong usage or a wrong "
                  "setting. 3: `messages send --wait` does not know whether the message was sent. "
                  "Error messages go to standard error.");
    man_heading(out, "SEE ALSO");
    man_text(out, "`api-fcgi`(8), `ws-broker`(8), `webhook-sender`(8), `sms-gateway.env`(5)");
}

/* ---- Completion ---- */

/* Whether the placeholder, like FILE or [FOLDER], is the name of a file. */
static bool is_path(const char *name)
{
    return name && (strstr(name, "FILE") || strstr(name, "FOLDER"));
}

static void put_options(const struct command_option *options, FILE *out)
{
    for (; options && options->name; options++)
        fprintf(out, " --%s", options->name);
}

/* Completes the value of an option: its words, or a file. */
static void complete_values(const struct command_option *options, FILE *out)
{
    for (; options && options->name; options++) {
        if (!options->value)
            continue;
        fprintf(out, "            --%s) ", options->name);
        if (is_path(options->value))
            fputs("files=yes ;;\n", out);
        else
            fprintf(out, "words='%s' ;;\n", options->words ? options->words : "");
    }
}

static void complete_action(const struct command_family *family,
                            const struct command_action *action, FILE *out)
{
    fprintf(out, "        '%s %s'%s)\n            case $previous in\n", family->name, action->name,
            *action->name ? "" : "*");
    complete_values(action->options, out);
    complete_values(command_common_options, out);
    fputs("            *) words='", out);
    put_options(action->options, out);
    put_options(command_common_options, out);
    fprintf(out, "'%s ;;\n            esac\n            ;;\n",
            is_path(action->argument) ? " files=yes" : "");
}

void describe_completion(FILE *out)
{
    fputs("# bash completion for sms-gateway(8), printed by `sms-gateway --print-completion`.\n"
          "_sms_gateway() {\n"
          "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
          "    local family=${COMP_WORDS[1]} action=${COMP_WORDS[2]} words='' files=no\n"
          "    # --option=value comes in three words.\n"
          "    if [ \"$current\" = = ]; then\n"
          "        current=''\n"
          "    elif [ \"$previous\" = = ]; then\n"
          "        previous=${COMP_WORDS[COMP_CWORD - 2]}\n"
          "    fi\n"
          "    case $COMP_CWORD:$family in\n"
          "    1:*) words='",
          out);
    for (size_t i = 0; command_families[i]; i++)
        fprintf(out, "%s ", command_families[i]->name);
    fputs("help --help --version' ;;\n    2:help) words='", out);
    for (size_t i = 0; command_families[i]; i++)
        fprintf(out, "%s ", command_families[i]->name);
    fputs("' ;;\n", out);
    for (size_t i = 0; command_families[i]; i++) {
        const struct command_action *action = command_families[i]->actions;
        if (!*action->name)
            continue;
        fprintf(out, "    2:%s) words='", command_families[i]->name);
        for (; action->name; action++)
            fprintf(out, "%s ", action->name);
        fputs("--help' ;;\n", out);
    }
    fputs("    *)\n        case \"$family $action\" in\n", out);
    for (size_t i = 0; command_families[i]; i++) {
        for (const struct command_action *a = command_families[i]->actions; a->name; a++)
            complete_action(command_families[i], a, out);
    }
    fputs("        esac\n"
          "        ;;\n"
          "    esac\n"
          "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
          "    if [ \"$files\" = yes ]; then\n"
          "        compopt -o filenames 2>/dev/null\n"
          "        mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- \"$current\")\n"
          "    fi\n"
          "}\n"
          "complete -F _sms_gateway sms-gateway\n",
          out);
}
