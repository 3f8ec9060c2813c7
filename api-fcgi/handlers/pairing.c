/* POST /api/pairings, POST /api/pair, DELETE /api/devices/{device_id} */
#include "common/access/pairing.h"
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/server/api.h"
#include "api-fcgi/server/json_body.h"
#include "common/base/json_write.h"
#include "common/base/log.h"
#include "common/base/qr_code.h"
#include "common/model/protocol.h"

#include <stdio.h>
#include <string.h>

/* ---- POST /api/pairings: makes a pairing code ---- */

static void take_id(struct http_exchange *exchange, const char *pointer, const struct json *value,
                    char device_id[DEVICE_ID_SIZE])
{
    const char *text = json_body_device_id(exchange, pointer, value);
    if (text)
        strcpy(device_id, text);
}

static void take_code_device_id(struct http_exchange *exchange, const char *pointer,
                                const struct json *value, void *target)
{
    struct store_create_pairing *pairing = target;
    take_id(exchange, pointer, value, pairing->device_id);
}

static void take_code_groups(struct http_exchange *exchange, const char *pointer,
                             const struct json *value, void *target)
{
    struct store_create_pairing *pairing = target;
    devices_take_groups(exchange, pointer, value, &pairing->groups);
}

static void take_minutes(struct http_exchange *exchange, const char *pointer,
                         const struct json *value, void *target)
{
    struct store_create_pairing *pairing = target;
    int64_t minutes;
    if (json_body_integer(exchange, pointer, value, 1, PAIRING_MOST_MINUTES, &minutes))
        pairing->valid_for_ms = minutes * 60000;
}

/* A new code; what is stored about it comes first, for the members that are of that. */
struct new_code {
    struct store_create_pairing pairing;
    bool of_digits;
};

static void take_digits(struct http_exchange *exchange, const char *pointer,
                        const struct json *value, void *target)
{
    struct new_code *code = target;
    json_body_boolean(exchange, pointer, value, &code->of_digits);
}

static void answer_created(struct http_exchange *exchange)
{
    const struct store_write *write = &exchange->write;
    if (write->result != ERROR_NONE) {
        http_store_problem(exchange, write->result);
        return;
    }
    log_info("pairing code created", LOG_TEXT("device_id", write->create_pairing.device_id),
             LOG_TEXT_IF_ANY("key", exchange->key_id));
    struct json_writer *json = &exchange->state->pairing;
    json_put_time(json, "expires_at", write->create_pairing.expires_at_ms);
    json_end_object(json);
    exchange->response.status = 201;
}

enum http_outcome pairing_handle_create(struct http_exchange *exchange)
{
    static const struct json_body_field fields[] = {
        {"/device_id", false, take_code_device_id, " device id name "},
        {"/groups", false, take_code_groups, " group labels tags device_groups "},
        {"/digits", false, take_digits, " numeric only_digits "},
        {"/minutes", false, take_minutes, " ttl expires expiresin timeout validity "},
    };
    struct pairing pairing;
    struct buffer qr_code;
    char problem[ERRMSG_SIZE];
    struct store_write *write = &exchange->write;
    struct new_code code = {.pairing.valid_for_ms = PAIRING_MINUTES * 60000};
    if (!json_body_take(exchange, fields, ARRAY_LENGTH(fields), &code))
        return HTTP_ANSWERED;
    *write = (struct store_write){.verb = STORE_CREATE_PAIRING, .create_pairing = code.pairing};
    if (!pairing_make(exchange->api->settings, code.of_digits, &pairing,
                      write->create_pairing.code_hash, problem))
        return http_problem(exchange, ERROR_NOT_CONFIGURED, "No code was created: %s.", problem);
    if (public_url_warning(exchange->api->settings, pairing.url, problem))
        log_warning("devices cannot use the pairing link", LOG_TEXT("reason", problem));
    buffer_init(&qr_code, 64 * 1024);
    if (!qr_code_write_svg(&qr_code, pairing.uri)) {
        buffer_fini(&qr_code);
        return http_problem(exchange, ERROR_INTERNAL, "Not enough memory for the QR code.");
    }
    const char *device_id = write->create_pairing.device_id;
    struct json_writer *json = &exchange->state->pairing;
    *json = (struct json_writer){.out = &exchange->response.body};
    http_begin_json(exchange, 201);
    json_begin_object(json, NULL);
    json_put_text(json, "code", pairing.code);
    json_put_text(json, "device_id", *device_id ? device_id : NULL);
    json_put_text(json, "url", pairing.url);
    json_put_text(json, "uri", pairing.uri);
    json_put_text(json, "qr_svg", qr_code.data);
    buffer_fini(&qr_code);
    if (!qr_code_put_rows(json, "qr", pairing.uri))
        return http_problem(exchange, ERROR_INTERNAL, "Not enough memory for the QR code.");
    return http_park(exchange, answer_created);
}

/* ---- POST /api/pair: exchanges a pairing code for a device token ---- */

static void take_code(struct http_exchange *exchange, const char *pointer, const struct json *value,
                      void *target)
{
    struct store_pair *pair = target;
    const char *text = json_body_text(exchange, pointer, value);
    if (text && !pairing_code_hash(text, pair->code_hash))
        http_add_field_error(exchange, pointer, ERROR_INVALID_VALUE,
                             "must be four groups of four letters and digits");
}

static void take_device_id(struct http_exchange *exchange, const char *pointer,
                           const struct json *value, void *target)
{
    struct store_pair *pair = target;
    take_id(exchange, pointer, value, pair->token.device_id);
}

/* For a device that does not choose an id. */
static void choose_device_id(char device_id[DEVICE_ID_SIZE])
{
    char text[MESSAGE_ID_TEXT_SIZE];
    struct message_id id = message_id_new();
    message_id_format(&id, text);
    strcpy(device_id, text);
}

static void answer_paired(struct http_exchange *exchange)
{
    const struct store_write *write = &exchange->write;
    const struct device_token *token = &write->pair.token;
    switch (write->result) {
    case ERROR_NONE:
        log_info("device paired", LOG_TEXT("device_id", token->device_id),
                 LOG_TEXT("token", token->id));
        break;
    case ERROR_PAIRING_CODE_INVALID:
        http_problem(exchange, write->result,
                     "The code does not exist, was used, or has expired; ask for a new one.");
        return;
    case ERROR_DEVICE_ID_TAKEN:
        http_problem(exchange, write->result,
                     "A device is paired as %s. Choose another id, leave it out, or ask for a code"
                     " for this id.",
                     token->device_id);
        return;
    default:
        http_store_problem(exchange, write->result);
        return;
    }
    char path[sizeof(PROTOCOL_PATH_PREFIX) + DEVICE_ID_SIZE];
    snprintf(path, sizeof(path), "%s%s", PROTOCOL_PATH_PREFIX, token->device_id);
    struct json_writer json = {.out = &exchange->response.body};
    http_begin_json(exchange, 201);
    json_begin_object(&json, NULL);
    json_put_text(&json, "device_id", token->device_id);
    json_put_text(&json, "token", exchange->state->token);
    json_put_text(&json, "path", path);
    json_end_object(&json);
    explicit_bzero(exchange->state->token, sizeof(exchange->state->token));
}

enum http_outcome pairing_handle_pair(struct http_exchange *exchange)
{
    static const struct json_body_field fields[] = {
        {"/code", true, take_code, " pairingcode pin otp "},
        {"/device_id", false, take_device_id, " device id name "},
    };
    struct device_token *token = &exchange->write.pair.token;
    exchange->write = (struct store_write){.verb = STORE_PAIR};
    if (!json_body_take(exchange, fields, ARRAY_LENGTH(fields), &exchange->write.pair))
        return HTTP_ANSWERED;
    if (!*token->device_id)
        choose_device_id(token->device_id);
    if (!secret_make(SECRET_DEVICE_TOKEN, exchange->state->token, token->id, token->hash))
        return http_problem(exchange, ERROR_INTERNAL, "No random bytes for a token.");
    return http_park(exchange, answer_paired);
}

/* ---- DELETE /api/devices/{device_id}: revokes the device token ---- */

bool pairing_revoked(struct http_exchange *exchange)
{
    const struct store_write *write = &exchange->write;
    const char *device_id = write->revoke_token.device_id;
    if (write->result != ERROR_NONE) {
        http_store_problem(exchange, write->result);
        return false;
    }
    if (!write->revoke_token.changed) {
        http_problem(exchange, ERROR_DEVICE_NOT_PAIRED, "No device is paired as %s.", device_id);
        return false;
    }
    log_info("device token revoked", LOG_TEXT("device_id", device_id),
             LOG_TEXT_IF_ANY("key", exchange->key_id));
    return true;
}

static void answer_revoked(struct http_exchange *exchange)
{
    const struct store_revoke_token *revoke = &exchange->write.revoke_token;
    if (!pairing_revoked(exchange))
        return;
    struct json_writer json = {.out = &exchange->response.body};
    http_begin_json(exchange, 200);
    json_begin_object(&json, NULL);
    json_put_text(&json, "device_id", revoke->device_id);
    json_put_time(&json, "revoked_at", revoke->revoked_at_ms);
    json_end_object(&json);
}

enum http_outcome pairing_revoke(struct http_exchange *exchange,
                                 void (*answer)(struct http_exchange *exchange))
{
    const char *device_id = exchange->request.path_argument;
    if (!device_id_valid(device_id))
        return http_problem(exchange, ERROR_DEVICE_NOT_PAIRED,
                            "A device id has 1 to 64 letters, digits, _ and -.");
    exchange->write = (struct store_write){
        .verb = STORE_REVOKE_TOKEN,
        .revoke_token.revocation = DEVICE_TOKEN_REVOKED,
    };
    strcpy(exchange->write.revoke_token.device_id, device_id);
    return http_park(exchange, answer);
}

enum http_outcome pairing_handle_revoke(struct http_exchange *exchange)
{
    return pairing_revoke(exchange, answer_revoked);
}
