/* One message of a batch file: its fields as texts, with the rules of the API (acceptance_rules.h, option_rules.h). */
#ifndef DEPLOY_CLI_BATCH_MESSAGE_H
#define DEPLOY_CLI_BATCH_MESSAGE_H

#include "common/base/buffer.h"
#include "common/process/acceptance_rules.h"
#include "deploy/cli/command.h"

/* What has been said of a message so far. Texts are borrowed. */
struct batch_draft {
    struct message_options options; /* a deadline only where expires_at was given */
    int64_t ttl_seconds;            /* 0: none */
    const char *number, *text;      /* NULL: none */
    bool transliterate;
};

struct batch_reading {
    const struct command *command;
    struct store_reader *reader;
    struct acceptance_rules rules;
    int64_t now_ms;
    char place[64];       /* of what is read: errors begin with it */
    size_t error_count;   /* of all; the first are printed */
    enum error error;     /* of the store, or ERROR_INTERNAL without memory */
    struct buffer filled; /* a text with its placeholders filled in */
};

enum batch_field_type { BATCH_FIELD_TEXT, BATCH_FIELD_INTEGER, BATCH_FIELD_BOOLEAN };

/* NULL: there is no field of that name. */
const struct batch_field *batch_field_find(const char *name);
enum batch_field_type batch_field_type(const struct batch_field *field);

/* Prints an error, if it is one of the first. `what`: the field; "": all of the place. */
void batch_add_error(struct batch_reading *reading, const char *what, const char *format, ...)
    PRINTF_FORMAT(3, 4);

/* Takes what one row, or the defaults, have: `get` gives the text of a field, or NULL. What is given here takes the place of what
   is in the draft, also where two exclude each other. */
void batch_draft_take(struct batch_reading *reading, struct batch_draft *draft,
                      const char *(*get)(const char *name, const void *context),
                      const void *context);

/* Makes the message. `find`: the value of a placeholder, or NULL. The caller does message_fini, in any case. */
void batch_draft_finish(struct batch_reading *reading, const struct batch_draft *draft,
                        const char *(*find)(const char *name, const void *context),
                        const void *context, struct message *message);

#endif
