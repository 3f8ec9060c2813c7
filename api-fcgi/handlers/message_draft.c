#include "api-fcgi/handlers/message_draft.h"

#include "api-fcgi/server/api.h"
#include "common/base/clock.h"
#include "common/model/sms_transliteration.h"
#include "common/process/option_rules.h"
#include "common/process/placeholders.h"

#include <string.h>

enum { MAX_TEXT_BYTES = 1 << 16 };

/* The members, in the order of the table. */
enum member {
    VARIABLES,
    PHONE_NUMBER,
    TRANSLITERATE,
    MESSAGE,
    DEVICE_ID,
    DEVICE_GROUP,
    SIM,
    SEND_AT,
    EXPIRES_AT,
    TTL_SECONDS,
    PRIORITY,
    REFERENCE,
    DELIVERY_REPORT,
    MEMBER_COUNT
};

struct draft {
    struct message_drafts *drafts;
    const struct json *object; /* its own members; NULL: none */
    const struct json *number; /* that comes from elsewhere, or NULL */
    struct message *message;
    bool is_defaults; /* nothing is required, and no placeholder can be filled in yet */
    bool transliterate;
    bool bad_send_at;             /* the deadline cannot be compared with it */
    const struct json *variables; /* its own, or NULL */
    enum error read_error;        /* of a read of the store */
};

static const struct json *find_member(const struct draft *draft, enum member member);

static int64_t now_ms(struct draft *draft)
{
    struct message_drafts *drafts = draft->drafts;
    if (drafts->now_ms == 0)
        drafts->now_ms = clock_wall_ms();
    return drafts->now_ms;
}

/* Adds an error for the second of two members that exclude each other. */
static bool excludes(struct http_exchange *exchange, const char *pointer, const struct draft *draft,
                     enum member other, const char *name)
{
    if (!find_member(draft, other))
        return false;
    http_add_field_error(exchange, pointer, ERROR_INVALID_VALUE,
                         "cannot be combined with %s; remove one of them", name);
    return true;
}

static void refuse_if(struct http_exchange *exchange, const char *pointer, enum error error,
                      const char *reason)
{
    if (error != ERROR_NONE)
        http_add_field_error(exchange, pointer, error, "%s", reason);
}

/* ---- Placeholders ---- */

static void take_variables(struct http_exchange *exchange, const char *pointer,
                           const struct json *value, void *target)
{
    struct draft *draft = target;
    bool good = json_is_object(value);
    if (!good) {
        http_add_field_error(exchange, pointer, ERROR_WRONG_TYPE,
                             "must be an object of texts, not %s", json_type_name(value));
        return;
    }
    json_for_each (variable, value) {
        if (json_text(variable))
            continue;
        good = false;
        http_add_field_error(exchange, pointer, ERROR_WRONG_TYPE,
                             "must have texts only: \"%.60s\" is %s; put it in double quotes",
                             json_name(variable), json_type_name(variable));
    }
    draft->variables = good ? value : NULL;
}

static const char *find_variable(const char *name, const void *context)
{
    const struct draft *draft = context;
    const struct message_drafts *drafts = draft->drafts;
    if (draft->is_defaults)
        return "";
    if (drafts->find_variable)
        return drafts->find_variable(name, drafts->variables);
    const struct json *value = draft->variables ? json_member(draft->variables, name) : NULL;
    if (!value && drafts->default_variables)
        value = json_member(drafts->default_variables, name);
    return value ? json_text(value) : NULL;
}

/* ---- The number and the text ---- */

static void take_phone_number(struct http_exchange *exchange, const char *pointer,
                              const struct json *value, void *target)
{
    struct message *message = ((struct draft *)target)->message;
    bool is_alone = strcmp(pointer, "/phone_number") == 0;
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    if (json_is_array(value)) {
        http_add_field_error(
            exchange, pointer, ERROR_WRONG_TYPE, "must be a string, not an array; %s",
            is_alone ? "send several numbers as phone_numbers" : "each number has its own message");
        return;
    }
    const char *text = json_body_text(exchange, pointer, value);
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

/* The text of a message; *text is NULL without memory. */
static void set_text(struct http_exchange *exchange, const char *pointer, struct draft *draft,
                     const char *text)
{
    struct message *message = draft->message;
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    char *replaced = NULL;
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

static void take_text(struct http_exchange *exchange, const char *pointer, const struct json *value,
                      void *target)
{
    struct draft *draft = target;
    struct buffer *filled = &draft->drafts->text;
    const char *text = json_body_text(exchange, pointer, value);
    char reason[PLACEHOLDERS_REASON_SIZE];
    if (!text)
        return;
    if (!draft->drafts->has_placeholders || !placeholders_any(text)) {
        set_text(exchange, pointer, draft, text);
        return;
    }
    buffer_clear(filled);
    if (!placeholders_fill(text, find_variable, draft, filled, reason))
        http_add_field_error(exchange, pointer, ERROR_INVALID_VALUE, "%s", reason);
    else if (!draft->is_defaults)
        set_text(exchange, pointer, draft, filled->data ? filled->data : "");
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
    const char *text = json_body_device_id(exchange, pointer, value);
    bool known;
    if (!text)
        return;
    enum error error = known_targets_ask_device(&draft->drafts->targets, exchange->reader, text,
                                                &known);
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
    if (!text || excludes(exchange, pointer, draft, DEVICE_ID, "device_id"))
        return;
    if (!device_group_valid(text)) {
        http_add_field_error(exchange, pointer, ERROR_INVALID_VALUE,
                             "must be 1 to 32 letters, digits, ., _ and -");
        return;
    }
    enum error error = known_targets_ask_group(&draft->drafts->targets, exchange->reader, text,
                                               &known);
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

static void take_send_at(struct http_exchange *exchange, const char *pointer,
                         const struct json *value, void *target)
{
    struct draft *draft = target;
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    int64_t wall_ms;
    draft->bad_send_at = true;
    if (!json_body_time(exchange, pointer, value, &wall_ms))
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
    if (!json_body_time(exchange, pointer, value, &options->expires_at_ms) || draft->bad_send_at)
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
    if (!excludes(exchange, pointer, draft, EXPIRES_AT, "expires_at") &&
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

/* In this order: a deadline depends on send_at, and a text on how to take it. */
static const struct json_body_field fields[MEMBER_COUNT] = {
    {"/variables", false, take_variables, " variable params parameters substitutions values "},
    {"/phone_number", true, take_phone_number,
     " to recipient recipients phone phones number numbers phonenumbers phoneno msisdn mobile "
     "mobilenumber"
     " cell destination dest address receiver tel telephone telephonenumber "},
    {"/transliterate", false, take_transliterate, " translit smartencoding smartencoded gsm gsm7 "},
    {"/message", true, take_text,
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
    {"/priority", false, take_priority, " prio urgency importance "},
    {"/reference", false, take_reference,
     " ref clientref clientreference externalid customid correlationid tag userref "},
    {"/delivery_report", false, take_delivery_report,
     " deliveryreports dlr withdeliveryreport deliveryreceipt statusreport report requestdlr "},
};

const struct json_body_field *message_draft_members(size_t *count)
{
    *count = MEMBER_COUNT - PHONE_NUMBER;
    return fields + PHONE_NUMBER;
}

enum message_member_type message_draft_member_type(const struct json_body_field *member)
{
    enum member index = (enum member)(member - fields);
    if (index == SIM || index == TTL_SECONDS)
        return MESSAGE_MEMBER_INTEGER;
    return index == TRANSLITERATE || index == DELIVERY_REPORT ? MESSAGE_MEMBER_BOOLEAN
                                                              : MESSAGE_MEMBER_TEXT;
}

/* ---- All of it ---- */

/* The member that a message's own takes the place of, in the defaults; MEMBER_COUNT: none. */
static enum member other_of(enum member member)
{
    return member == DEVICE_ID      ? DEVICE_GROUP
           : member == DEVICE_GROUP ? DEVICE_ID
           : member == EXPIRES_AT   ? TTL_SECONDS
           : member == TTL_SECONDS  ? EXPIRES_AT
                                    : MEMBER_COUNT;
}

static const struct json *find_own(const struct draft *draft, enum member member)
{
    if (member == PHONE_NUMBER && draft->number)
        return draft->number;
    return draft->object ? json_member(draft->object, fields[member].pointer + 1) : NULL;
}

/* Its own, or that of the defaults. */
static const struct json *find_member(const struct draft *draft, enum member member)
{
    const struct message_drafts *drafts = draft->drafts;
    const struct json *own = find_own(draft, member);
    if (own || !drafts->defaults || member == VARIABLES || drafts->refused & 1U << member)
        return own;
    enum member other = other_of(member);
    if (other < MEMBER_COUNT && find_own(draft, other))
        return NULL;
    return json_member(drafts->defaults, fields[member].pointer + 1);
}

static size_t count_own(const struct draft *draft)
{
    size_t count = 0;
    if (draft->object)
        json_for_each (member, draft->object)
            count++;
    return count;
}

/* Returns the members that were not valid. Most messages have few: once all its own were found, no other is looked for. */
static unsigned take_members(struct draft *draft, const char *place, const char *number_pointer)
{
    struct http_exchange *exchange = draft->drafts->exchange;
    char whole[JSON_BODY_POINTER_SIZE];
    unsigned bad = 0;
    size_t left = count_own(draft);
    for (enum member i = draft->drafts->has_placeholders ? VARIABLES : PHONE_NUMBER;
         i < MEMBER_COUNT; i++) {
        int errors = exchange->problem.error_count;
        bool may_be_there = left > 0 || draft->number || draft->drafts->defaults;
        const struct json *value = may_be_there ? find_member(draft, i) : NULL;
        left -= value && left > 0;
        bool lacks = !value && fields[i].required && !draft->is_defaults &&
                     !(draft->drafts->refused & 1U << i);
        if (!value && !lacks)
            continue;
        const char *pointer = i == PHONE_NUMBER && draft->number
                                  ? number_pointer
                                  : json_body_pointer(place, fields[i].pointer, whole);
        if (value)
            fields[i].take(exchange, pointer, value, draft);
        else
            http_add_field_error(exchange, pointer, ERROR_REQUIRED, "is required");
        bad |= exchange->problem.error_count > errors ? 1U << i : 0;
    }
    return bad;
}

static void refuse_others(const struct message_drafts *drafts, const struct json *object,
                          const char *place)
{
    enum member first = drafts->has_placeholders ? VARIABLES : PHONE_NUMBER;
    json_body_refuse_others(drafts->exchange, object, place, fields + first,
                            (size_t)(MEMBER_COUNT - first));
}

void message_drafts_init(struct message_drafts *drafts, struct http_exchange *exchange)
{
    *drafts = (struct message_drafts){.exchange = exchange};
    buffer_init(&drafts->text, MAX_TEXT_BYTES);
}

void message_drafts_fini(struct message_drafts *drafts)
{
    buffer_fini(&drafts->text);
    known_targets_fini(&drafts->targets);
}

enum error message_drafts_set_defaults(struct message_drafts *drafts, const struct json *defaults,
                                       const char *place)
{
    struct message message = {0};
    struct draft draft = {
        .drafts = drafts, .object = defaults, .message = &message, .is_defaults = true};
    if (!json_body_is_object(drafts->exchange, defaults, place))
        return ERROR_NONE;
    drafts->refused |= take_members(&draft, place, NULL);
    refuse_others(drafts, defaults, place);
    drafts->defaults = defaults;
    drafts->default_variables = draft.variables;
    message_fini(&message);
    return draft.read_error;
}

void message_drafts_refuse(struct message_drafts *drafts, const char *pointer, enum error error,
                           const char *reason)
{
    for (int i = 0; i < MEMBER_COUNT; i++) {
        if (strcmp(fields[i].pointer, pointer) == 0)
            drafts->refused |= 1U << i;
    }
    http_add_field_error(drafts->exchange, pointer, error, "%s", reason);
}

enum error message_drafts_read(struct message_drafts *drafts, const struct json *object,
                               const char *place, struct message *message)
{
    struct draft draft = {.drafts = drafts, .object = object, .message = message};
    if (*place == '\0' && json_is_array(object)) {
        http_add_field_error(
            drafts->exchange, "", ERROR_WRONG_TYPE,
            "the body must be an object, not an array; POST /api/batches takes many"
            " messages");
        return ERROR_NONE;
    }
    if (!json_body_is_object(drafts->exchange, object, place))
        return ERROR_NONE;
    take_members(&draft, place, NULL);
    refuse_others(drafts, object, place);
    return draft.read_error;
}

enum error message_drafts_read_number(struct message_drafts *drafts, const struct json *number,
                                      const char *pointer, struct message *message)
{
    struct draft draft = {.drafts = drafts, .number = number, .message = message};
    take_members(&draft, "", pointer);
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
