/* GET, PUT and PATCH /settings; and what this gateway does not have: /logs, /auth/token */
#include "api-fcgi/server/json_body.h"
#include "api-fcgi/smsgate/program.h"
#include "api-fcgi/smsgate/smsgate_error.h"
#include "common/base/json_write.h"

/* What holds for every device, whatever programs ask for: the gateway gives a device the oldest message first. */
enum http_outcome program_settings_handle_get(struct http_exchange *exchange)
{
    struct json_writer json = {.out = &exchange->response.body};
    http_begin_json(exchange, 200);
    json_begin_object(&json, NULL);
    json_begin_object(&json, "messages");
    json_put_text(&json, "processing_order", "FIFO");
    json_end_object(&json);
    json_end_object(&json);
    return HTTP_ANSWERED;
}

/* A program that changes a secret would rely on it, where other settings are wishes. */
static void refuse_secret(struct http_exchange *exchange, const struct json *section,
                          const char *name, const char *pointer, const char *reason)
{
    if (section && json_is_object(section) && json_member(section, name) &&
        !json_is_null(json_member(section, name)))
        http_add_field_error(exchange, pointer, ERROR_INVALID_VALUE, "%s", reason);
}

static void take_webhooks(struct http_exchange *exchange, const char *pointer,
                          const struct json *value, void *target)
{
    (void)pointer, (void)target;
    refuse_secret(exchange, value, "signing_key", "/webhooks/signing_key",
                  "is set by the operator (SMSGATE_SIGNING_KEY)");
}

static void take_encryption(struct http_exchange *exchange, const char *pointer,
                            const struct json *value, void *target)
{
    (void)pointer, (void)target;
    refuse_secret(exchange, value, "passphrase", "/encryption/passphrase",
                  "cannot be set: this gateway sends no encrypted messages");
}

enum http_outcome program_settings_handle_change(struct http_exchange *exchange)
{
    static const struct json_body_field fields[] = {
        {"/webhooks", false, take_webhooks, NULL},
        {"/encryption", false, take_encryption, NULL},
    };
    if (!json_body_take(exchange, fields, ARRAY_LENGTH(fields), NULL))
        return HTTP_ANSWERED;
    return program_settings_handle_get(exchange);
}

enum http_outcome program_settings_refuse_logs(struct http_exchange *exchange)
{
    return smsgate_error(exchange, 501,
                         "This gateway has no logs of phones; its own are its operator's.");
}

enum http_outcome program_settings_refuse_tokens(struct http_exchange *exchange)
{
    return smsgate_error(exchange, 501,
                         "This gateway makes no tokens: use an API key, as the password of Basic or"
                         " after Bearer.");
}
