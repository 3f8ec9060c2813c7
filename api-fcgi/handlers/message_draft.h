/* Messages as a client describes them in JSON: the members of each are read, checked, and made a struct message. */
#ifndef API_FCGI_HANDLERS_MESSAGE_DRAFT_H
#define API_FCGI_HANDLERS_MESSAGE_DRAFT_H

#include "api-fcgi/handlers/known_targets.h"
#include "api-fcgi/server/json_body.h"

/* What the messages of one request share. */
struct message_drafts {
    struct http_exchange *exchange;
    bool has_placeholders; /* {name} in a text; then an object may have the member `variables` */
    /* The value of a placeholder, or NULL; unset: that of `variables`. */
    const char *(*find_variable)(const char *name, const void *context);
    const void *variables;
    const struct json *defaults;          /* what a message lacks; NULL: nothing */
    const struct json *default_variables; /* of them; or NULL */
    unsigned refused; /* bits of members that are not valid in `defaults`, or that no message has:
                           there is an error already */
    int64_t now_ms; /* wall, the same for all; 0: not read yet, because most messages do without */
    struct buffer text; /* with its placeholders filled in */
    struct known_targets targets;
};

void message_drafts_init(struct message_drafts *drafts, struct http_exchange *exchange);
void message_drafts_fini(struct message_drafts *drafts);

/* Checks the object at `place`, a JSON pointer, and adds the errors of its members, once. What a message lacks then comes
   from it: it must live as long. A member of a message takes the place of one that it cannot be combined with. An error
   of the store is returned. */
MUST_CHECK enum error message_drafts_set_defaults(struct message_drafts *drafts,
                                                  const struct json *defaults, const char *place);

/* Adds an error about a member, "/message", for all messages that do not have their own. */
void message_drafts_refuse(struct message_drafts *drafts, const char *pointer, enum error error,
                           const char *reason);

/*
 * Reads the object at `place` into *message, which is zeroed: number, text, encoding, segments, options. What is wrong
 * is added to the errors of the exchange, each with its place; *message then has only what was right, and no text where
 * memory is missing. An error of the store, which had to be asked whether there is such a device, is returned. The caller
 * does message_fini, in any case.
 */
MUST_CHECK enum error message_drafts_read(struct message_drafts *drafts, const struct json *object,
                                          const char *place, struct message *message);

/* The same for a message of which only the number, at `pointer`, does not come from the defaults. */
MUST_CHECK enum error message_drafts_read_number(struct message_drafts *drafts,
                                                 const struct json *number, const char *pointer,
                                                 struct message *message);

/* The rest of a new message: its id, its status and its times. */
void message_draft_finish(const struct http_exchange *exchange, struct message *message);

/* ---- The members of a message, for other forms than JSON ---- */

enum message_member_type { MESSAGE_MEMBER_TEXT, MESSAGE_MEMBER_INTEGER, MESSAGE_MEMBER_BOOLEAN };

/* All but `variables`. */
const struct json_body_field *message_draft_members(size_t *count);
enum message_member_type message_draft_member_type(const struct json_body_field *member);

#endif
