#include "api-fcgi/handlers/webhook_draft.h"

#include "api-fcgi/server/api.h"
#include "api-fcgi/server/json_body.h"
#include "common/model/device_groups.h"
#include "common/store/webhook_json.h"

#include <string.h>

/* The text of a member that may be null, which is "". */
static const char *text_or_null(struct http_exchange *exchange, const char *pointer,
                                const struct json *value)
{
    return json_is_null(value) ? "" : json_body_text(exchange, pointer, value);
}

static void take_url(struct http_exchange *exchange, const char *pointer, const struct json *value,
                     void *target)
{
    struct webhook_draft *draft = target;
    char problem[ERRMSG_SIZE];
    const char *text = json_body_text(exchange, pointer, value);
    draft->change.sets_url = true;
    if (text && webhook_url_check(text, &draft->rules, problem))
        strcpy(draft->change.values.url, text);
    else if (text)
        http_add_field_error(exchange, pointer, ERROR_INVALID_VALUE, "%s", problem);
}

static void take_types(struct http_exchange *exchange, const char *pointer,
                       const struct json *value, void *target)
{
    struct webhook_draft *draft = target;
    bool all = json_is_null(value), is_all;
    draft->change.sets_types = true;
    if (!all && (!json_is_array(value) || !json_first(value))) {
        http_add_field_error(exchange, pointer, ERROR_WRONG_TYPE,
                             "must be an array of types of events, or null for all");
        return;
    }
    for (const struct json *name = all ? NULL : json_first(value); name; name = json_next(name)) {
        uint32_t types = 0;
        const char *text = json_text(name);
        if (!text || !webhook_type_parse(text, &types, &is_all)) {
            http_add_field_error(exchange, pointer, ERROR_INVALID_VALUE,
                                 "each must be a type of events, like message.delivered or "
                                 "inbox.received; message.* for all of a kind, or * for all");
            return;
        }
        all |= is_all;
        draft->change.values.types |= types;
    }
    if (all)
        draft->change.values.types = 0;
}

static void take_device_group(struct http_exchange *exchange, const char *pointer,
                              const struct json *value, void *target)
{
    struct webhook_draft *draft = target;
    const char *text = text_or_null(exchange, pointer, value);
    draft->change.sets_device_group = true;
    if (text && (*text == '\0' || device_group_valid(text)))
        strcpy(draft->change.values.device_group, text);
    else if (text)
        http_add_field_error(exchange, pointer, ERROR_INVALID_VALUE,
                             "must be 1 to 32 letters, digits, dots, _ and -");
}

static void take_with_text(struct http_exchange *exchange, const char *pointer,
                           const struct json *value, void *target)
{
    struct webhook_draft *draft = target;
    draft->change.sets_with_text = true;
    json_body_boolean(exchange, pointer, value, &draft->change.values.with_text);
}

static void take_description(struct http_exchange *exchange, const char *pointer,
                             const struct json *value, void *target)
{
    struct webhook_draft *draft = target;
    char problem[ERRMSG_SIZE];
    const char *text = text_or_null(exchange, pointer, value);
    draft->change.sets_description = true;
    if (text && webhook_description_check(text, problem))
        strcpy(draft->change.values.description, text);
    else if (text)
        http_add_field_error(exchange, pointer, ERROR_INVALID_VALUE, "%s", problem);
}

static void take_enabled(struct http_exchange *exchange, const char *pointer,
                         const struct json *value, void *target)
{
    struct webhook_draft *draft = target;
    draft->change.sets_enabled = true;
    json_body_boolean(exchange, pointer, value, &draft->change.values.enabled);
}

bool webhook_draft_take(struct http_exchange *exchange, struct webhook_draft *draft,
                        bool url_required)
{
    const struct json_body_field fields[] = {
        {"/url", url_required, take_url, " endpoint target callback uri address "},
        {"/types", false, take_types, " events event_types type filter filters event "},
        {"/device_group", false, take_device_group, " group groups device_groups "},
        {"/with_text", false, take_with_text, " text include_text message with_message "},
        {"/description", false, take_description, " name label title comment "},
        {"/enabled", false, take_enabled, " active disabled "},
    };
    char problem[ERRMSG_SIZE];
    *draft = (struct webhook_draft){.change.values.enabled = true};
    if (!webhook_rules_read(exchange->api->settings, &draft->rules, problem)) {
        http_problem(exchange, ERROR_NOT_CONFIGURED, "%s.", problem);
        return false;
    }
    return json_body_take(exchange, fields, ARRAY_LENGTH(fields), draft);
}
