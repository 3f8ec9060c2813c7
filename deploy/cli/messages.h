/* The actions of `sms-gateway messages` that have a file of their own, and what they share. */
#ifndef DEPLOY_CLI_MESSAGES_H
#define DEPLOY_CLI_MESSAGES_H

#include "deploy/cli/command.h"

/* message_send.c */
int messages_send(struct store *store, const struct command *command);

/* What may be asked for beside the text: message_draft.h reads them. */
#define MESSAGES_OPTIONS                                                                           \
    {.name = "device", .value = "DEVICE_ID", .meaning = "send it with this phone only"},           \
        {.name = "group",                                                                          \
         .value = "GROUP",                                                                         \
         .meaning = "send it with a phone of this group only; not with --device"},                 \
        {.name = "sim", .value = "N", .meaning = "send it with the SIM in this slot (1-4) only"},  \
        {.name = "at",                                                                             \
         .value = "TIME",                                                                          \
         .meaning = "send it at this time, like 2026-11-23T09:45:00Z, at most 35 days ahead"},     \
        {.name = "expires",                                                                        \
         .value = "TIME",                                                                          \
         .meaning = "do not send it from this time on (default: the setting MESSAGE_TTL_HOURS)"},  \
        {.name = "ttl",                                                                            \
         .value = "SECONDS",                                                                       \
         .meaning = "do not send it this long after now, or after --at; not with --expires"},      \
        {.name = "priority",                                                                       \
         .value = "PRIORITY",                                                                      \
         .meaning = "high, normal (the default) or low",                                           \
         .words = "high normal low"},                                                              \
        {.name = "reference",                                                                      \
         .value = "TEXT",                                                                          \
         .meaning = "your own name for it, at most 64 bytes, by which lists can be filtered"},     \
        {.name = "no-delivery-report",                                                             \
         .meaning = "do not ask the network whether the recipient got it"},                        \
    {                                                                                              \
        .name = "transliterate",                                                                   \
        .meaning =                                                                                 \
            "replace typographic quotes, dashes and the like by characters of GSM-7, if the "      \
            "text then needs fewer segments"                                                       \
    }
extern const struct command_option messages_send_options[];

/* message_resend.c */
int messages_resend(struct store *store, const struct command *command);
extern const struct command_option messages_resend_options[];

/* The id that is the argument: 0, or the exit status if it is none. */
MUST_CHECK int messages_read_id(const struct command *command, struct message_id *id);

/* One line. */
void messages_print_event(const struct message_event *event);

/* The message and its events: for people, or with --json the answer of GET /api/sms/{message_id} with the `events` of
   GET /api/sms/{message_id}/events. */
enum error messages_print_history(struct store_reader *reader, const struct command *command,
                                  const struct message *message);

/* Prints what went wrong with the message of the argument. Returns the exit status. */
int messages_fail(const struct command *command, enum error error);

#endif
