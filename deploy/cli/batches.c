/* sms-gateway batches: many messages at once, all or none, with the rules of POST /api/batches. */
#include "common/base/clock.h"
#include "common/store/batch_json.h"
#include "deploy/cli/batch_file.h"
#include "deploy/cli/messages.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    MAX_TIMEOUT_S = 35 * 24 * 3600,
    POLL_MS = 200,
    CANCEL_PIECE = 200,
    LIST_PIECE = 20,
    DEFAULT_LIST = 20,
    MAX_LIST = 10000,
};

/* ---- show ---- */

/* "queued 3, sent 12" */
static void print_counts(const struct store_batch *batch)
{
    int64_t deleted = batch->count;
    const char *comma = "";
    for (int i = 0; i < MESSAGE_STATUS_COUNT; i++) {
        deleted -= batch->counts[i];
        if (batch->counts[i] == 0)
            continue;
        printf("%s%s %" PRId64, comma, message_status_name((enum message_status)i),
               batch->counts[i]);
        comma = ", ";
    }
    if (deleted > 0)
        printf("%sdeleted %" PRId64, comma, deleted);
    putchar('\n');
}

static void print_batch(const struct command *command, const struct store_batch *batch)
{
    char id[MESSAGE_ID_TEXT_SIZE], created[CLOCK_TEXT_SIZE];
    if (command->json) {
        batch_json_put(command->json, batch);
        return;
    }
    message_id_format(&batch->id, id);
    clock_format(batch->created_at_ms, created);
    printf("id        %s\ncreated   %s\nkey       %s\nmessages  %" PRId64 "\nstatuses  ", id,
           created, *batch->key_id ? batch->key_id : "none", batch->count);
    print_counts(batch);
}

/* 0, or the exit status if the argument is no id. */
static int read_id(const struct command *command, struct message_id *id)
{
    return message_id_parse(command->argument, id)
               ? 0
               : command_refuse(command, "a batch id is like 019dbb26-71a3-7c1e-a2a6-0c2d52c3f9c1");
}

static int fail(const struct command *command, enum error error)
{
    return error == ERROR_BATCH_NOT_FOUND
               ? command_fail(command, "there is no batch with the id %s", command->argument)
               : command_fail_error(command, error);
}

static int show(struct store *store, const struct command *command)
{
    struct message_id id;
    struct store_batch batch;
    struct store_reader *reader = NULL;
    int status = read_id(command, &id);
    if (status != 0)
        return status;
    enum error error = store_reader_open(store, &reader);
    if (error == ERROR_NONE)
        error = store_find_batch(reader, &id, &batch);
    store_reader_close(reader);
    if (error != ERROR_NONE)
        return fail(command, error);
    print_batch(command, &batch);
    return EXIT_SUCCESS;
}

/* ---- list ---- */

static void print_line(const struct store_batch *batch)
{
    char id[MESSAGE_ID_TEXT_SIZE], created[CLOCK_TEXT_SIZE];
    message_id_format(&batch->id, id);
    clock_format(batch->created_at_ms, created);
    printf("%s  %s  %6" PRId64 " messages: ", id, created, batch->count);
    print_counts(batch);
}

static enum error print_batches(struct store_reader *reader, const struct command *command,
                                size_t limit)
{
    struct store_batch piece[LIST_PIECE];
    struct message_id before;
    bool is_first = true;
    size_t count = LIST_PIECE;
    enum error error = ERROR_NONE;
    for (; limit > 0 && count == LIST_PIECE && error == ERROR_NONE; limit -= MIN(limit, count)) {
        error = store_list_batches(reader, is_first ? NULL : &before,
                                   MIN(limit, (size_t)LIST_PIECE), piece, &count);
        for (size_t i = 0; error == ERROR_NONE && i < count; i++) {
            if (command->json)
                batch_json_put(command->json, &piece[i]);
            else
                print_line(&piece[i]);
        }
        is_first = false;
        if (count > 0)
            before = piece[count - 1].id;
    }
    return error;
}

static int list(struct store *store, const struct command *command)
{
    struct store_reader *reader = NULL;
    int64_t limit = DEFAULT_LIST;
    if (!command_number(command, "limit", 1, MAX_LIST, &limit))
        return COMMAND_EXIT_USAGE;
    enum error error = store_reader_open(store, &reader);
    command_begin_list(command, "batches");
    if (error == ERROR_NONE)
        error = print_batches(reader, command, (size_t)limit);
    store_reader_close(reader);
    if (error != ERROR_NONE) {
        if (command->json)
            buffer_clear(command->json->out);
        return command_fail_error(command, error);
    }
    if (command->json) {
        json_end_array(command->json);
        json_end_object(command->json);
    }
    return EXIT_SUCCESS;
}

static const struct command_option list_options[] = {
    {.name = "limit", .value = "N", .meaning = "the newest N (1-10000, default 20)"},
    {0},
};

/* ---- cancel ---- */

/* Other writes run between two pieces. */
static int cancel(struct store *store, const struct command *command)
{
    int64_t cancelled = 0, asked = 0, too_late = 0;
    struct store_write write = {.verb = STORE_CANCEL_BATCH, .cancel_batch.limit = CANCEL_PIECE};
    struct store_cancel_batch *piece = &write.cancel_batch;
    int status = read_id(command, &piece->id);
    if (status != 0)
        return status;
    do {
        enum error error = store_run(store, &write);
        if (error != ERROR_NONE && cancelled + asked > 0)
            return command_fail(command,
                                "%s. Some messages were cancelled; run the command again for the "
                                "others",
                                error_title(error));
        if (error != ERROR_NONE)
            return fail(command, error);
        cancelled += (int64_t)piece->cancelled;
        asked += (int64_t)piece->asked;
        too_late += (int64_t)piece->too_late;
    } while (piece->more);
    if (command->json) {
        json_begin_object(command->json, NULL);
        json_put_text(command->json, "batch_id", command->argument);
        json_put_integer(command->json, "cancelled", cancelled);
        json_put_integer(command->json, "asked", asked);
        json_put_integer(command->json, "too_late", too_late);
        json_end_object(command->json);
    } else {
        printf("Cancelled %" PRId64 " messages. Asked phones not to send %" PRId64
               " more. Too late for %" PRId64 ".\n",
               cancelled, asked, too_late);
    }
    return EXIT_SUCCESS;
}

/* ---- send ---- */

static int status_of_outcome(const struct store_batch *batch)
{
    const int64_t *counts = batch->counts;
    if (counts[MESSAGE_FAILED] + counts[MESSAGE_EXPIRED] + counts[MESSAGE_CANCELLED] > 0)
        return EXIT_FAILURE;
    return batch_count_open(batch) + counts[MESSAGE_UNKNOWN] > 0 ? COMMAND_EXIT_NOT_KNOWN
                                                                 : EXIT_SUCCESS;
}

static enum error follow(struct store_reader *reader, const struct command *command,
                         const struct message_id *id, int64_t timeout_s, struct store_batch *batch)
{
    const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
    int64_t end_ms = clock_monotonic_ms() + timeout_s * 1000;
    struct store_batch before = {0};
    enum error error;
    for (;;) {
        error = store_find_batch(reader, id, batch);
        if (error == ERROR_NONE && !command->json &&
            memcmp(before.counts, batch->counts, sizeof(before.counts)) != 0) {
            print_counts(batch);
            fflush(stdout);
            before = *batch;
        }
        bool goes_on = error == ERROR_STORE_BUSY ||
                       (error == ERROR_NONE && batch_count_open(batch) > 0);
        if (!goes_on || clock_monotonic_ms() >= end_ms)
            return error;
        nanosleep(&pause, NULL);
    }
}

/* The exit status. */
static int wait_for_end(struct store *store, const struct command *command,
                        const struct message_id *id, int64_t timeout_s)
{
    struct store_reader *reader = NULL;
    struct store_batch batch = {0};
    enum error error = store_reader_open(store, &reader);
    if (error == ERROR_NONE)
        error = follow(reader, command, id, timeout_s, &batch);
    store_reader_close(reader);
    if (error == ERROR_NONE) {
        if (command->json)
            batch_json_put(command->json, &batch);
        return status_of_outcome(&batch);
    }
    command_fail(command, "%s; the batch was accepted, and `sms-gateway batches show` has it",
                 error_title(error));
    return COMMAND_EXIT_NOT_KNOWN;
}

static int fail_send(const struct command *command, enum error error, const char *id,
                     const struct store_enqueue_batch *batch)
{
    if (error == ERROR_OUTCOME_UNKNOWN)
        return command_fail(command,
                            "%s: the database's disk fails; when it works again, send the batch "
                            "again only if there is no batch %s",
                            error_title(error), id);
    if (error == ERROR_DAILY_CAP_REACHED || error == ERROR_RECIPIENT_CAP_REACHED ||
        error == ERROR_BURST_CAP_REACHED)
        return command_fail(command,
                            "%s; message %zu of %zu is the first over it, and none was sent",
                            error_title(error), batch->refused + 1, batch->count);
    if (error == ERROR_RECIPIENT_OPTED_OUT)
        return command_fail(command,
                            "%s: that of message %zu of %zu is the first, and none was sent",
                            error_title(error), batch->refused + 1, batch->count);
    return command_fail_error(command, error);
}

static int print_created(const struct command *command, const struct batch_file *batch,
                         const char *id)
{
    struct batch_created created = {.id = batch->id,
                                    .messages = batch->messages,
                                    .count = batch->count,
                                    .segments = batch->segments};
    if (!command->json) {
        puts(id);
        fflush(stdout);
    } else if (!command_option(command, "wait")) {
        if (!batch_count_duplicates(batch->messages, batch->count, &created.duplicates))
            return command_fail(command, "no memory for the answer; the batch %s was accepted", id);
        batch_json_put_created(command->json, &created);
    }
    return 0;
}

static int enqueue(struct store *store, const struct command *command,
                   const struct batch_file *batch, int64_t timeout_s)
{
    char id[MESSAGE_ID_TEXT_SIZE];
    struct store_write write = {
        .verb = STORE_ENQUEUE_BATCH,
        .enqueue_batch = {.id = batch->id, .messages = batch->messages, .count = batch->count}};
    message_id_format(&batch->id, id);
    enum error error = store_run(store, &write);
    if (error != ERROR_NONE)
        return fail_send(command, error, id, &write.enqueue_batch);
    int status = print_created(command, batch, id);
    return status == 0 && command_option(command, "wait")
               ? wait_for_end(store, command, &batch->id, timeout_s)
               : status;
}

static int send(struct store *store, const struct command *command)
{
    struct batch_file batch = {0};
    int64_t timeout_s = MAX_TIMEOUT_S;
    if (command_option(command, "timeout") && !command_option(command, "wait"))
        return command_refuse(command, "--timeout needs --wait");
    if (!command_number(command, "timeout", 0, MAX_TIMEOUT_S, &timeout_s))
        return COMMAND_EXIT_USAGE;
    int status = batch_file_read(command, store, &batch);
    if (status == 0)
        status = enqueue(store, command, &batch, timeout_s);
    batch_file_fini(&batch);
    return status;
}

static const struct command_option send_options[] = {
    {.name = "message",
     .value = "TEXT",
     .meaning = "the text of messages that have none of their own; {name} is filled in from the "
                "column, or the variable, of that name"},
    {.name = "csv",
     .meaning = "read CSV (default: a file named .csv, or one that does not begin with { or [)"},
    MESSAGES_OPTIONS,
    {.name = "wait",
     .meaning = "show the counts by status until each message is sent or has a final status. The "
                "exit status is 0 if all were sent, 1 if one was not, else 3 if nobody knows"},
    {.name = "timeout",
     .value = "SECONDS",
     .meaning =
         "with --wait: stop waiting after SECONDS; the messages stay where they are, and the "
         "exit status is 3"},
    {0},
};

static const struct command_action actions[] = {
    {.name = "send",
     .argument = "FILE",
     .meaning =
         "send the messages of FILE, or with - of the standard input, at most 10,000: all or "
         "none; prints the batch's id. FILE is JSON, as POST /api/batches takes it, or CSV "
         "with a header row: the columns are fields of that JSON, such as phone_number and "
         "message, or names for placeholders. Options hold for messages without such a field",
     .options = send_options,
     .run = send},
    {.name = "list", .meaning = "list batches, newest first", .options = list_options, .run = list},
    {.name = "show", .argument = "ID", .meaning = "show a batch: counts by status", .run = show},
    {.name = "cancel",
     .argument = "ID",
     .meaning = "cancel the messages of a batch that can be cancelled",
     .run = cancel},
    {0},
};

const struct command_family batches_commands = {
    .name = "batches",
    .purpose = "send, list, show and cancel many messages at once",
    .actions = actions,
};
