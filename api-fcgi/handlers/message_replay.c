/* POST /api/send-sms and resend, sent again with their idempotency key. */
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/server/idempotency.h"
#include "common/model/message_json.h"

#include <stdio.h>
#include <string.h>

static const char path[] = "/api/sms/";

/* What the answer does not keep. */
static void put_content(struct buffer *out, const char *number, const char *text)
{
    struct json_writer json = {.out = out};
    json_put_text(&json, "phone_number", number);
    json_put_text(&json, "message", text);
}

/* ---- A message without options, which most are: the values of its answer, a tenth of its size ---- */

static bool is_plain(const struct message *message)
{
    static const struct message_id none;
    int64_t created_at_ms = message_id_time_ms(&message->id);
    return message->status == MESSAGE_QUEUED && message->attempt == 0 &&
           !message_has_options(message) && message_id_equal(&message->resent_as, &none) &&
           message->updated_at_ms == created_at_ms &&
           message->reached_at_ms[MESSAGE_QUEUED] == created_at_ms;
}

/* The id is in the location. */
static void keep_values(struct buffer *kept, const struct message *message)
{
    char request_id[REQUEST_ID_TEXT_SIZE];
    request_id_format(&message->request_id, request_id);
    buffer_append_format(kept, "%s %u %d %d %lld", *request_id ? request_id : "-",
                         message->segments, (int)message->encoding, (int)message->wait.reason,
                         (long long)message->wait.until_ms);
}

/* False: they are not values of a message that there is. */
static bool read_values(const struct store_answer *kept, struct message *message)
{
    char request_id[REQUEST_ID_TEXT_SIZE];
    int encoding, reason, length = 0;
    long long until_ms;
    unsigned segments;
    bool good = kept->body.length > 0 &&
                sscanf(kept->body.data, "%32s %u %d %d %lld%n", request_id, &segments, &encoding,
                       &reason, &until_ms, &length) == 5 &&
                (size_t)length == kept->body.length && encoding >= 0 &&
                encoding < SMS_ENCODING_COUNT && reason >= 0 && reason < MESSAGE_WAIT_COUNT &&
                strncmp(kept->location, path, strlen(path)) == 0 &&
                message_id_parse(kept->location + strlen(path), &message->id);
    if (!good)
        return false;
    message->request_id = request_id_parse(request_id);
    message->segments = segments;
    message->encoding = (enum sms_encoding)encoding;
    message->wait = (struct message_wait){(enum message_wait_reason)reason, until_ms};
    message->updated_at_ms = message_id_time_ms(&message->id);
    message->reached_at_ms[MESSAGE_QUEUED] = message->updated_at_ms;
    return true;
}

static bool complete_values(const struct store_answer *kept, const struct message *content,
                            bool with_text, struct buffer *body)
{
    struct json_writer json = {.out = body};
    struct message message = {.text = content->text};
    strcpy(message.phone_number, content->phone_number);
    if (!read_values(kept, &message))
        return false;
    message_json_put(&json, &message, with_text && content->text);
    return true;
}

/* ---- Any other message: its answer without the number and the text ---- */

static void keep_answer(struct buffer *kept, const struct message *message)
{
    struct json_writer json = {.out = kept};
    struct message nameless = *message;
    nameless.phone_number[0] = '\0';
    message_json_put(&json, &nameless, false);
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

/* ---- Both ---- */

void message_replay_keep(struct store_answer *answer, const struct message *message)
{
    char id[MESSAGE_ID_TEXT_SIZE];
    message_id_format(&message->id, id);
    snprintf(answer->location, sizeof(answer->location), "%s%s", path, id);
    answer->status = 202;
    if (is_plain(message))
        keep_values(&answer->body, message);
    else
        keep_answer(&answer->body, message);
}

static bool complete(const struct store_answer *kept, const struct message *message, bool with_text,
                     struct buffer *body)
{
    bool is_json = kept->body.length > 0 && *kept->body.data == '{';
    return is_json ? complete_answer(&kept->body, message, with_text, body)
                   : complete_values(kept, message, with_text, body);
}

void message_replay_answer(struct http_exchange *exchange, bool with_text)
{
    struct buffer body;
    buffer_init(&body, HTTP_MAX_RESPONSE_BYTES);
    if (complete(&idempotency_of(exchange)->answer, &exchange->state->sent, with_text, &body))
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
