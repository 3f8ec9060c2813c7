/* POST /api/send-sms and resend, sent again with their idempotency key. */
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/server/idempotency.h"
#include "common/model/message_json.h"

#include <stdio.h>
#include <string.h>

/* What the answer does not keep. */
static void put_content(struct buffer *out, const char *number, const char *text)
{
    struct json_writer json = {.out = out};
    json_put_text(&json, "phone_number", number);
    json_put_text(&json, "message", text);
}

void message_replay_keep(struct store_answer *answer, const struct message *message)
{
    struct json_writer json = {.out = &answer->body};
    struct message kept = *message;
    char id[MESSAGE_ID_TEXT_SIZE];
    kept.phone_number[0] = '\0';
    message_json_put(&json, &kept, false);
    message_id_format(&message->id, id);
    snprintf(answer->location, sizeof(answer->location), "/api/sms/%s", id);
    answer->status = 202;
}

/* False: the body does not have the number and the text that the first answer had. */
static bool complete_answer(const struct buffer *kept, const struct message *message,
                            bool with_text, struct buffer *body)
{
    struct buffer nothing;
    buffer_init(&nothing, 64);
    put_content(&nothing, "", NULL);
    const char *gap = kept->length > 0 && !nothing.failed ? strstr(kept->data, nothing.data) : NULL;
    if (gap) {
        buffer_append(body, kept->data, (size_t)(gap - kept->data));
        put_content(body, message->phone_number,
                    with_text && message->text && *message->text ? message->text : NULL);
        buffer_append_text(body, gap + nothing.length);
    }
    buffer_fini(&nothing);
    return gap;
}

void message_replay_answer(struct http_exchange *exchange, bool with_text)
{
    struct buffer body;
    buffer_init(&body, HTTP_MAX_RESPONSE_BYTES);
    if (complete_answer(&idempotency_of(exchange)->answer.body, &exchange->state->sent, with_text,
                        &body))
        idempotency_replay(exchange, &body);
    else
        http_problem(exchange, ERROR_INTERNAL, "The answer that was kept cannot be read.");
    buffer_fini(&body);
}

void message_replay_answer_if_done(struct http_exchange *exchange)
{
    enum error error = exchange->write.result;
    if (idempotency_is_replayed(exchange))
        message_replay_answer(exchange, true);
    else if (error != ERROR_NONE && error != ERROR_IDEMPOTENCY_KEY_REUSED)
        http_store_problem(exchange, error);
}
