/* sms-gateway messages send: queues a message as POST /api/send-sms does, and follows it if asked to. */
#include "common/base/clock.h"
#include "common/base/utf8.h"
#include "common/model/message_json.h"
#include "deploy/cli/message_draft.h"
#include "deploy/cli/messages.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_TIMEOUT_S = 35 * 24 * 3600, POLL_MS = 200, POLL_EVENTS = 100 };

const struct command_option messages_send_options[] = {
    MESSAGES_OPTIONS,
    {.name = "wait",
     .meaning = "show each event until the message is sent or has a final status. The exit status "
                "is 0 if it was sent, 1 if it was not, 3 if nobody knows"},
    {.name = "timeout",
     .value = "SECONDS",
     .meaning = "with --wait: stop waiting after SECONDS; the message stays where it is, and the "
                "exit status is 3"},
    {0},
};

/* ---- The text ---- */

/* All of the standard input, without its last line end. NULL: no memory, or a NUL in it. */
static char *read_input(void)
{
    char *text = NULL;
    size_t size = 0;
    ssize_t length = getdelim(&text, &size, '\0', stdin);
    if (length >= 0 && strlen(text) == (size_t)length) {
        bool has_line_end = length > 0 && text[length - 1] == '\n';
        length -= has_line_end;
        length -= has_line_end && length > 0 && text[length - 1] == '\r';
        text[length] = '\0';
        return text;
    }
    free(text);
    return length < 0 && feof(stdin) ? strdup("") : NULL;
}

/* 0, or the exit status. *input is the caller's to free. */
static int take_text(const struct command *command, char **input, const char **text)
{
    *text = command->second_argument;
    if (strcmp(*text, "-") == 0)
        *text = *input = read_input();
    if (!*text)
        return command_fail(command, "cannot read the text");
    return utf8_valid(*text, strlen(*text))
               ? 0
               : command_refuse(command, "the text is not valid UTF-8");
}

static int read_message(struct draft_reading *reading, struct message *message)
{
    const struct command *command = reading->command;
    struct message_draft draft = {.number = command->argument};
    char *input = NULL;
    int status = take_text(command, &input, &draft.text);
    if (status == 0) {
        reading->number_name = "the phone number";
        reading->text_name = "the text";
        draft_take_options(reading, &draft);
        draft_finish(reading, &draft, NULL, NULL, message);
        if (reading->error != ERROR_NONE)
            status = command_fail_error(command, reading->error);
        else if (reading->error_count > 0)
            status = COMMAND_EXIT_USAGE;
    }
    free(input);
    return status;
}

/* 0, or the exit status. The caller does message_fini in any case. */
static int make_message(const struct command *command, struct store *store, struct message *message)
{
    struct draft_reading reading;
    int status = draft_reading_open(&reading, command, store);
    if (status == 0)
        status = read_message(&reading, message);
    draft_reading_close(&reading);
    return status;
}

/* ---- Following it ---- */

static int status_of_outcome(enum message_status status)
{
    switch (status) {
    case MESSAGE_SENT:
    case MESSAGE_DELIVERED:
        return EXIT_SUCCESS;
    case MESSAGE_FAILED:
    case MESSAGE_EXPIRED:
    case MESSAGE_CANCELLED:
        return EXIT_FAILURE;
    case MESSAGE_QUEUED:
    case MESSAGE_DISPATCHED:
    case MESSAGE_ACCEPTED:
    case MESSAGE_SENDING:
    case MESSAGE_UNKNOWN:
    case MESSAGE_STATUS_COUNT:
        break;
    }
    return COMMAND_EXIT_NOT_KNOWN;
}

/* Prints the events after the first *seen. *status: the last one. */
static enum error read_events(struct store_reader *reader, const struct command *command,
                              const struct message_id *id, int64_t *seen,
                              enum message_status *status)
{
    struct message_event *events = NULL;
    size_t count = 0;
    enum error error = store_read_history(reader, id, *seen, POLL_EVENTS, &events, &count);
    for (size_t i = 0; error == ERROR_NONE && i < count; i++) {
        *status = events[i].status;
        if (!command->json)
            messages_print_event(&events[i]);
    }
    if (error == ERROR_NONE)
        *seen += (int64_t)count;
    free(events);
    fflush(stdout);
    return error;
}

static enum error follow(struct store_reader *reader, const struct command *command,
                         const struct message_id *id, int64_t timeout_s,
                         enum message_status *status)
{
    const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
    int64_t end_ms = clock_monotonic_ms() + timeout_s * 1000, seen = 0;
    enum error error = ERROR_NONE;
    do {
        if (seen > 0)
            nanosleep(&pause, NULL);
        error = read_events(reader, command, id, &seen, status);
    } while ((error == ERROR_NONE || error == ERROR_STORE_BUSY) && *status < MESSAGE_SENT &&
             clock_monotonic_ms() < end_ms);
    return error;
}

/* The exit status. */
static int wait_for_end(struct store *store, const struct command *command,
                        const struct message_id *id, int64_t timeout_s)
{
    struct store_reader *reader = NULL;
    struct message message = {0};
    enum message_status status = MESSAGE_QUEUED;
    enum error error = store_reader_open(store, &reader);
    if (error == ERROR_NONE)
        error = follow(reader, command, id, timeout_s, &status);
    if (error == ERROR_NONE && command->json) {
        error = store_find_message(reader, id, &message);
        if (error == ERROR_NONE)
            error = messages_print_history(reader, command, &message);
        message_fini(&message);
    }
    store_reader_close(reader);
    if (error == ERROR_NONE)
        return status_of_outcome(status);
    command_fail(command, "%s; the message was accepted, and `sms-gateway messages list` has it",
                 error_title(error));
    return COMMAND_EXIT_NOT_KNOWN;
}

static int fail_send(const struct command *command, enum error error, const char *id)
{
    if (error == ERROR_OUTCOME_UNKNOWN)
        return command_fail(command,
                            "%s: the database's disk fails; when it works again, send the message "
                            "again only if there is no message %s",
                            error_title(error), id);
    return command_fail_error(command, error);
}

int messages_send(struct store *store, const struct command *command)
{
    struct message message = {0};
    char id[MESSAGE_ID_TEXT_SIZE];
    int64_t timeout_s = MAX_TIMEOUT_S;
    if (command_option(command, "timeout") && !command_option(command, "wait"))
        return command_refuse(command, "--timeout needs --wait");
    if (!command_number(command, "timeout", 0, MAX_TIMEOUT_S, &timeout_s))
        return COMMAND_EXIT_USAGE;
    int status = make_message(command, store, &message);
    if (status == 0) {
        struct store_write write = {.verb = STORE_ENQUEUE, .enqueue.message = &message};
        message_id_format(&message.id, id);
        enum error error = store_run(store, &write);
        if (error != ERROR_NONE)
            status = fail_send(command, error, id);
        else if (!command->json)
            puts(id);
        else if (!command_option(command, "wait"))
            message_json_put(command->json, &message, true);
        if (error == ERROR_NONE && command_option(command, "wait"))
            status = wait_for_end(store, command, &message.id, timeout_s);
    }
    message_fini(&message);
    return status;
}
