/* sms-gateway opt-outs: lists and changes which recipients have opted out. */
#include "common/base/clock.h"
#include "common/base/terminal.h"
#include "common/store/opt_out_json.h"
#include "deploy/cli/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- list ---- */

static void print_opt_out(const struct command *command, const struct opt_out *opt_out)
{
    char since[CLOCK_TEXT_SIZE];
    if (command->json) {
        opt_out_json_put(command->json, opt_out);
        command_flush_json(command);
        return;
    }
    clock_format(opt_out->since_ms, since);
    printf("%-16s  %.19sZ  %-4s  ", opt_out->phone_number, since,
           opt_out_source_name(opt_out->source));
    terminal_put(stdout, opt_out->keyword);
    putchar('\n');
}

static enum error print_list(struct store_reader *reader, const struct command *command,
                             int64_t *total)
{
    enum { PAGE = 256 };
    struct opt_out page[PAGE];
    char after[PHONE_NUMBER_SIZE] = "";
    size_t count = PAGE;
    enum error error = ERROR_NONE;
    for (*total = 0; count == PAGE && error == ERROR_NONE; *total += (int64_t)count) {
        error = store_list_opt_outs(reader, after, PAGE, page, &count);
        if (error == ERROR_NONE && *total == 0 && count > 0 && !command->json)
            printf("%-16s  %-20s  %-4s  %s\n", "phone number", "since", "by", "keyword");
        for (size_t i = 0; error == ERROR_NONE && i < count; i++)
            print_opt_out(command, &page[i]);
        if (count > 0)
            strcpy(after, page[count - 1].phone_number);
    }
    return error;
}

static int list(struct store *store, const struct command *command)
{
    struct store_reader *reader = NULL;
    int64_t total = 0;
    enum error error = store_reader_open(store, &reader);
    command_begin_list(command, "opt_outs");
    if (error == ERROR_NONE)
        error = print_list(reader, command, &total);
    store_reader_close(reader);
    if (error != ERROR_NONE) {
        if (command->json && total == 0)
            buffer_clear(command->json->out); /* nothing has been printed */
        return command_fail_error(command, error);
    }
    if (command->json) {
        json_end_array(command->json);
        json_put_integer(command->json, "count", total);
        json_end_object(command->json);
    } else {
        printf("%lld recipients have opted out.\n", (long long)total);
    }
    return EXIT_SUCCESS;
}

/* ---- add, remove ---- */

static enum error change(struct store *store, const char (*numbers)[PHONE_NUMBER_SIZE],
                         size_t count, bool remove, size_t *changed)
{
    struct store_write write = {.verb = STORE_CHANGE_OPT_OUTS};
    enum error error = ERROR_NONE;
    *changed = 0;
    for (size_t i = 0; i < count && error == ERROR_NONE; i += STORE_MAX_OPT_OUTS) {
        write.change_opt_outs = (struct store_change_opt_outs){
            .numbers = numbers + i,
            .count = MIN(count - i, (size_t)STORE_MAX_OPT_OUTS),
            .remove = remove,
            .source = OPT_OUT_BY_TOOL,
        };
        error = store_run(store, &write);
        if (error == ERROR_NONE)
            *changed += write.change_opt_outs.changed;
    }
    return error;
}

static int change_one(struct store *store, const struct command *command, bool remove)
{
    char number[1][PHONE_NUMBER_SIZE], reason[PHONE_NUMBER_REASON_SIZE];
    size_t changed;
    if (!phone_number_normalise(command->argument, number[0], reason))
        return command_refuse(command, "the phone number %s", reason);
    enum error error = change(store, (const char(*)[PHONE_NUMBER_SIZE])number, 1, remove, &changed);
    if (error != ERROR_NONE)
        return command_fail_error(command, error);
    if (remove && changed == 0)
        return command_fail(command, "%s is not on the list", number[0]);
    if (command->json) {
        json_begin_object(command->json, NULL);
        json_put_text(command->json, "phone_number", number[0]);
        json_put_bool(command->json, "changed", changed > 0);
        json_end_object(command->json);
    } else if (remove) {
        printf("%s is off the list: messages to it are accepted again.\n", number[0]);
    } else {
        printf(changed > 0 ? "No message to %s is accepted any more.\n"
                           : "%s was on the list already.\n",
               number[0]);
    }
    return EXIT_SUCCESS;
}

static int add(struct store *store, const struct command *command)
{
    return change_one(store, command, false);
}

static int take_off(struct store *store, const struct command *command)
{
    return change_one(store, command, true);
}

/* ---- import ---- */

struct numbers {
    char (*list)[PHONE_NUMBER_SIZE];
    size_t count, capacity;
};

static bool append(struct numbers *numbers, const char *number)
{
    if (numbers->count == numbers->capacity) {
        size_t capacity = MAX(numbers->capacity * 2, (size_t)1024);
        void *more = reallocarray(numbers->list, capacity, sizeof(*numbers->list));
        if (!more)
            return false;
        numbers->list = more;
        numbers->capacity = capacity;
    }
    strcpy(numbers->list[numbers->count++], number);
    return true;
}

/* Cuts a line down to its first cell, without quotes. */
static char *first_cell(char *line)
{
    if (*line == '"')
        line++;
    line[strcspn(line, "\",;\t\r\n")] = '\0';
    return line;
}

/* 0, or the exit status after saying which line is wrong. */
static int read_numbers(const struct command *command, FILE *file, struct numbers *numbers)
{
    char *line = NULL;
    size_t size = 0;
    int status = 0;
    for (long long at = 1; status == 0 && getline(&line, &size, file) >= 0; at++) {
        char number[PHONE_NUMBER_SIZE], reason[PHONE_NUMBER_REASON_SIZE];
        const char *cell = first_cell(line);
        if (*cell == '\0' || *cell == '#' || (at == 1 && strcmp(cell, "phone_number") == 0))
            continue;
        if (!phone_number_normalise(cell, number, reason))
            status = command_refuse(command, "line %lld: the phone number %s; nothing was imported",
                                    at, reason);
        else if (!append(numbers, number))
            status = command_fail_error(command, ERROR_INTERNAL);
    }
    if (status == 0 && ferror(file))
        status = command_fail(command, "cannot read %s: %s", command->argument, strerror(errno));
    free(line);
    return status;
}

static int import_numbers(struct store *store, const struct command *command,
                          const struct numbers *numbers)
{
    size_t changed = 0;
    enum error error = change(store, (const char(*)[PHONE_NUMBER_SIZE])numbers->list,
                              numbers->count, false, &changed);
    if (error != ERROR_NONE && changed > 0)
        return command_fail(command,
                            "%s. %zu numbers were added before; run the command again to continue",
                            error_title(error), changed);
    if (error != ERROR_NONE)
        return command_fail_error(command, error);
    if (command->json) {
        json_begin_object(command->json, NULL);
        json_put_integer(command->json, "numbers", (int64_t)numbers->count);
        json_put_integer(command->json, "added", (int64_t)changed);
        json_end_object(command->json);
    } else {
        printf("Added %zu of %zu numbers; the others were on the list already.\n", changed,
               numbers->count);
    }
    return EXIT_SUCCESS;
}

static int import_file(struct store *store, const struct command *command)
{
    bool is_input = strcmp(command->argument, "-") == 0;
    FILE *file = is_input ? stdin : fopen(command->argument, "re");
    struct numbers numbers = {.count = 0};
    if (!file)
        return command_fail(command, "cannot read %s: %s", command->argument, strerror(errno));
    int status = read_numbers(command, file, &numbers);
    if (!is_input)
        fclose(file);
    if (status == 0)
        status = import_numbers(store, command, &numbers);
    free(numbers.list);
    return status;
}

static const struct command_action actions[] = {
    {.name = "list", .meaning = "list the recipients that have opted out, by number", .run = list},
    {.name = "add",
     .argument = "NUMBER",
     .meaning = "put a number on the list, and cancel the messages to it that are not sent",
     .run = add},
    {.name = "remove",
     .argument = "NUMBER",
     .meaning = "take a number off the list",
     .run = take_off},
    {.name = "import",
     .argument = "FILE",
     .meaning = "add the numbers in FILE, or with - in the standard input, one at the beginning of "
                "each line; all, or none if a line has no number",
     .run = import_file},
    {0},
};

const struct command_family opt_outs_commands = {
    .name = "opt-outs",
    .purpose = "list and change which recipients have opted out",
    .actions = actions,
};
