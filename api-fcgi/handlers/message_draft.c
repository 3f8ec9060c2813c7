#include "api-fcgi/handlers/message_draft.h"

#include "api-fcgi/server/api.h"
#include "common/base/clock.h"
#include "common/model/sms_transliteration.h"
#include "common/process/option_rules.h"

#include <string.h>

struct draft {
    const struct json *object;
    struct message *message;
    bool transliterate;
    bool bad_send_at;      /* the deadline cannot be compared with it */
    int64_t now_ms;        /* wall; 0: not read yet, because most messages do without */
    enum error read_error; /* of a read of the store */
};

static int64_t now_ms(struct draft *draft)
{
    if (draft->now_ms == 0)
        draft->now_ms = clock_wall_ms();
    return draft->now_ms;
}

/* Adds an error for the second of two members that exclude each other. */
static bool excludes(struct http_exchange *exchange, const char *pointer, const struct draft *draft,
                     const char *other)
{
    if (!json_member(draft->object, other))
        return false;
    http_add_field_error(exchange, pointer, ERROR_INVALID_VALUE,
                         "cannot be combined with %s; remove one of them", other);
    return true;
}

static void refuse_if(struct http_exchange *exchange, const char *pointer, enum error error,
                      const char *reason)
{
    if (error != ERROR_NONE)
        http_add_field_error(exchange, pointer, error, "%s", reason);
}

/* ---- The number and the text ---- */

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

/* ---- The target ---- */

/* After a read of the store; `unknown` is the end of a sentence. */
static void refuse_unknown(struct http_exchange *exchange, const char *pointer, struct draft *draft,
                           enum error error, enum error code, const char *unknown)
{
    if (error != ERROR_NONE)
        draft->read_error = error;
    else
        http_add_field_error(exchange, pointer, code, "%s", unknown);
}

static void take_device_id(struct http_exchange *exchange, const char *pointer,
                           const struct json *value, void *target)
{
    struct draft *draft = target;
    const char *text = json_body_text(exchange, pointer, value);
    bool known;
    if (!text)
        return;
    if (!device_id_valid(text)) {
        http_add_field_error(exchange, pointer, ERROR_INVALID_VALUE,
                             "must be 1 to 64 letters, digits, _ and -");
        return;
    }
    enum error error = store_device_is_known(exchange->reader, text, &known);
    if (error == ERROR_NONE && known)
        strcpy(draft->message->options.target.device_id, text);
    else
        refuse_unknown(exchange, pointer, draft, error, ERROR_UNKNOWN_DEVICE,
                       "names no device that is paired; `GET /api/devices` lists them");
}

static void take_device_group(struct http_exchange *exchange, const char *pointer,
                              const struct json *value, void *target)
{
    struct draft *draft = target;
    const char *text = json_body_text(exchange, pointer, value);
    bool known;
    if (!text || excludes(exchange, pointer, draft, "device_id"))
        return;
    if (!device_group_valid(text)) {
        http_add_field_error(exchange, pointer, ERROR_INVALID_VALUE,
                             "must be 1 to 32 letters, digits, ., _ and -");
        return;
    }
    enum error error = store_group_is_known(exchange->reader, text, &known);
    if (error == ERROR_NONE && known)
        strcpy(draft->message->options.target.device_group, text);
    else
        refuse_unknown(exchange, pointer, draft, error, ERROR_UNKNOWN_GROUP,
                       "is in the groups of no device; `GET /api/devices` shows them");
}

static void take_sim(struct http_exchange *exchange, const char *pointer, const struct json *value,
                     void *target)
{
    struct message_options *options = &((struct draft *)target)->message->options;
    int64_t sim;
    if (json_body_integer(exchange, pointer, value, 1, MESSAGE_MAX_SIM, &sim))
        options->target.sim = (unsigned)sim;
}

/* ---- Times ---- */

static bool take_time(struct http_exchange *exchange, const char *pointer, const struct json *value,
                      int64_t *wall_ms)
{
    const char *text = json_body_text(exchange, pointer, value);
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    enum error error = text ? option_rules_parse_time(text, wall_ms, reason) : ERROR_INVALID_VALUE;
    if (text)
        refuse_if(exchange, pointer, error, reason);
    return error == ERROR_NONE;
}

static void take_send_at(struct http_exchange *exchange, const char *pointer,
                         const struct json *value, void *target)
{
    struct draft *draft = target;
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    int64_t wall_ms;
    draft->bad_send_at = true;
    if (!take_time(exchange, pointer, value, &wall_ms))
        return;
    enum error error = option_rules_check_send_at(wall_ms, now_ms(draft), reason);
    refuse_if(exchange, pointer, error, reason);
    draft->bad_send_at = error != ERROR_NONE;
    if (error == ERROR_NONE)
        draft->message->options.send_at_ms = wall_ms;
}

static void take_expires_at(struct http_exchange *exchange, const char *pointer,
                            const struct json *value, void *target)
{
    struct draft *draft = target;
    struct message_options *options = &draft->message->options;
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    if (!take_time(exchange, pointer, value, &options->expires_at_ms) || draft->bad_send_at)
        return;
    refuse_if(exchange, pointer,
              option_rules_check_expires_at(options->expires_at_ms, options->send_at_ms,
                                            now_ms(draft), reason),
              reason);
}

static void take_ttl_seconds(struct http_exchange *exchange, const char *pointer,
                             const struct json *value, void *target)
{
    struct draft *draft = target;
    struct message_options *options = &draft->message->options;
    int64_t seconds;
    if (!excludes(exchange, pointer, draft, "expires_at") &&
        json_body_integer(exchange, pointer, value, 1, OPTION_MAX_TTL_SECONDS, &seconds))
        options->expires_at_ms = option_rules_deadline_ms(seconds, options->send_at_ms,
                                                          now_ms(draft));
}

/* ---- The rest ---- */

static void take_priority(struct http_exchange *exchange, const char *pointer,
                          const struct json *value, void *target)
{
    struct message_options *options = &((struct draft *)target)->message->options;
    const char *text = json_body_text(exchange, pointer, value);
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    if (text)
        refuse_if(exchange, pointer, option_rules_parse_priority(text, &options->priority, reason),
                  reason);
}

static void take_reference(struct http_exchange *exchange, const char *pointer,
                           const struct json *value, void *target)
{
    struct message_options *options = &((struct draft *)target)->message->options;
    const char *text = json_body_text(exchange, pointer, value);
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    if (text)
        refuse_if(exchange, pointer, option_rules_copy_reference(text, options->reference, reason),
                  reason);
}

static void take_delivery_report(struct http_exchange *exchange, const char *pointer,
                                 const struct json *value, void *target)
{
    struct message_options *options = &((struct draft *)target)->message->options;
    bool wanted = true;
    json_body_boolean(exchange, pointer, value, &wanted);
    options->no_delivery_report = !wanted;
}

/* In this order: a deadline depends on send_at. */
static const struct json_body_field fields[] = {
    {"/phone_number", true, take_phone_number,
     " to recipient recipients phone phones number numbers phonenumbers phoneno msisdn mobile "
     "mobilenumber"
     " cell destination dest address receiver tel telephone telephonenumber "},
    {"/transliterate", false, take_transliterate, " translit smartencoding smartencoded gsm gsm7 "},
    {"/message", true, take_text, /* after how to take it */
     " text body content msg sms textmessage messagetext messagebody messagecontent smstext "},
    {"/device_id", false, take_device_id, " device deviceids gateway modem "},
    {"/device_group", false, take_device_group, " group devicegroups label pool senderpool "},
    {"/sim", false, take_sim, " simslot simnumber slot simcard "},
    {"/send_at", false, take_send_at,
     " sendat sendtime scheduleat scheduledat schedule scheduletime scheduled deliverat sendon "
     "startat notbefore "},
    {"/expires_at", false, take_expires_at,
     " validuntil expiresat expireat expiry expires expiration expirationtime deadline notafter "},
    {"/ttl_seconds", false, take_ttl_seconds,
     " ttl validity validityperiod validfor timeout expiresin "},
    {"/priority", false, take_priority, " urgency importance "},
    {"/reference", false, take_reference,
     " ref clientref clientreference externalid customid correlationid tag userref "},
    {"/delivery_report", false, take_delivery_report,
     " deliveryreports dlr withdeliveryreport deliveryreceipt statusreport report requestdlr "},
};

enum error message_draft_read(struct http_exchange *exchange, const struct json *object,
                              const char *place, struct message *message)
{
    struct draft draft = {.object = object, .message = message};
    json_body_take_object(exchange, object, place, fields, ARRAY_LENGTH(fields), &draft);
    return draft.read_error;
}

void message_draft_finish(const struct http_exchange *exchange, struct message *message)
{
    struct message_options *options = &message->options;
    message->id = message_id_new();
    message->request_id = request_id_parse(exchange->request.request_id);
    message->status = MESSAGE_QUEUED;
    message->updated_at_ms = message_id_time_ms(&message->id);
    message->reached_at_ms[MESSAGE_QUEUED] = message->updated_at_ms;
    if (options->expires_at_ms == 0)
        options->expires_at_ms = option_rules_default_deadline_ms(&exchange->api->acceptance_rules,
                                                                  options->send_at_ms);
}
