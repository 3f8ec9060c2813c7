#include "api-fcgi/handlers/message_draft.h"

#include "api-fcgi/server/api.h"
#include "common/model/sms_transliteration.h"

#include <string.h>

struct draft {
    struct message *message;
    bool transliterate;
};

static void refuse_if(struct http_exchange *exchange, const char *pointer, enum error error,
                      const char *reason)
{
    if (error != ERROR_NONE)
        http_add_field_error(exchange, pointer, error, "%s", reason);
}

static void take_phone_number(struct http_exchange *exchange, const char *pointer,
                              const struct json *value, void *target)
{
    struct message *message = ((struct draft *)target)->message;
    const char *text = json_body_text(exchange, pointer, value);
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    if (text)
        refuse_if(exchange, pointer,
                  acceptance_rules_check_number(&exchange->api->acceptance_rules, text,
                                                message->phone_number, reason),
                  reason);
}

static void take_transliterate(struct http_exchange *exchange, const char *pointer,
                               const struct json *value, void *target)
{
    struct draft *draft = target;
    json_body_boolean(exchange, pointer, value, &draft->transliterate);
}

static void take_text(struct http_exchange *exchange, const char *pointer, const struct json *value,
                      void *target)
{
    const struct draft *draft = target;
    struct message *message = draft->message;
    const char *text = json_body_text(exchange, pointer, value);
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    char *replaced = NULL;
    if (!text)
        return;
    if (!draft->transliterate || sms_transliterate(text, &replaced))
        message->text = replaced ? replaced : strdup(text);
    if (!message->text)
        return; /* the caller sees it */
    struct sms_segments count = sms_segments_count(message->text);
    refuse_if(exchange, pointer,
              acceptance_rules_check_segments(&exchange->api->acceptance_rules, count.encoding,
                                              count.segments, reason),
              reason);
    message->encoding = count.encoding;
    message->segments = count.segments;
}

static const struct json_body_field fields[] = {
    {"/phone_number", true, take_phone_number,
     " to recipient recipients phone phones number numbers phonenumbers phoneno msisdn mobile "
     "mobilenumber"
     " cell destination dest address receiver tel telephone telephonenumber "},
    {"/transliterate", false, take_transliterate, " translit smartencoding smartencoded gsm gsm7 "},
    {"/message", true, take_text, /* after how to take it */
     " text body content msg sms textmessage messagetext messagebody messagecontent smstext "},
};

void message_draft_read(struct http_exchange *exchange, const struct json *object,
                        const char *place, struct message *message)
{
    struct draft draft = {.message = message};
    json_body_take_object(exchange, object, place, fields, ARRAY_LENGTH(fields), &draft);
}

void message_draft_finish(const struct http_exchange *exchange, struct message *message)
{
    message->id = message_id_new();
    message->request_id = request_id_parse(exchange->request.request_id);
    message->status = MESSAGE_QUEUED;
    message->updated_at_ms = message_id_time_ms(&message->id);
    message->reached_at_ms[MESSAGE_QUEUED] = message->updated_at_ms;
}
