/* A new message: its fields as texts, of options or of a batch file, with the rules of the API (acceptance_rules.h,
   option_rules.h). */
#ifndef DEPLOY_CLI_MESSAGE_DRAFT_H
#define DEPLOY_CLI_MESSAGE_DRAFT_H

#include "common/base/buffer.h"
#include "common/process/acceptance_rules.h"
#include "deploy/cli/command.h"

/* What has been said of a message so far. Texts are borrowed. */
struct message_draft {
    struct message_options options; /* a deadline only where expires_at was given */
    int64_t ttl_seconds;            /* 0: none */
    const char *deadline_name;      /* what errors call it; where expires_at was given */
    const char *number, *text;      /* NULL: none */
    bool transliterate;
};

/* Of one message, or of all in a file. */
struct draft_reading {
    const struct command *command;
    struct store_reader *reader;
    struct acceptance_rules rules;
    int64_t now_ms;
    const char *number_name, *text_name; /* what errors call them */
    char place[64];                      /* of what is read: errors begin with it */
    size_t error_count;                  /* of all; the first are printed */
    enum error error;                    /* of the store, or ERROR_INTERNAL without memory */
    struct buffer filled;                /* a text with its placeholders filled in */
};

/* 0, or the exit status after an error message. */
MUST_CHECK int draft_reading_open(struct draft_reading *reading, const struct command *command,
                                  struct store *store);
void draft_reading_close(struct draft_reading *reading);

enum draft_field_type { DRAFT_FIELD_TEXT, DRAFT_FIELD_INTEGER, DRAFT_FIELD_BOOLEAN };

/* NULL: there is no field of that name. */
const struct draft_field *draft_field_find(const char *name);
enum draft_field_type draft_field_type(const struct draft_field *field);

/* Prints an error, if it is one of the first. `what`: the field; "": all of the place. */
void draft_add_error(struct draft_reading *reading, const char *what, const char *format, ...)
    PRINTF_FORMAT(3, 4);

/* Takes what one row, or the defaults, have: `get` gives the text of a field, or NULL. What is given here takes the place of what
   is in the draft, also where two exclude each other. */
void draft_take(struct draft_reading *reading, struct message_draft *draft,
                const char *(*get)(const char *name, const void *context), const void *context);

/* The same of the options of the command (MESSAGES_OPTIONS). */
void draft_take_options(struct draft_reading *reading, struct message_draft *draft);

/* Makes the message. `find`: the value of a placeholder, or NULL; without `find` there are none in the text. The caller does
   message_fini, in any case. */
void draft_finish(struct draft_reading *reading, const struct message_draft *draft,
                  const char *(*find)(const char *name, const void *context), const void *context,
                  struct message *message);

#endif
