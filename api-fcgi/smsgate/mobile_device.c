/* POST and PATCH /device: a phone registers by a pairing code, and says what it is. */
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/server/api.h"
#include "api-fcgi/smsgate/mobile.h"
#include "api-fcgi/smsgate/mobile_access.h"
#include "api-fcgi/smsgate/mobile_codes.h"
#include "api-fcgi/smsgate/mobile_json.h"
#include "api-fcgi/smsgate/mobile_note.h"
#include "api-fcgi/smsgate/smsgate_error.h"
#include "common/base/clock.h"
#include "common/base/json_write.h"
#include "common/base/log.h"
#include "common/base/utf8.h"
#include "common/model/polled_app.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- What the phone says of itself ---- */

static void take_version(const struct http_exchange *exchange, struct device_info *info,
                         unsigned *set)
{
    const char *agent = exchange->request.user_agent;
    if (polled_app_version(agent) == 0)
        return;
    *set |= POLLED_APP_VERSION;
    utf8_copy(strchr(agent, '/') + 1, info->app_version, sizeof(info->app_version));
}

static void take_info(const struct http_exchange *exchange, const struct json *body,
                      struct device_info *info, unsigned *set)
{
    const char *name = mobile_json_text(body, "name");
    *info = DEVICE_INFO_UNKNOWN;
    utf8_copy(name, info->name, sizeof(info->name));
    if (*name)
        *set |= POLLED_NAME;
    info->sims = mobile_json_sims(json_member(body, "simCards"), &info->sim_slots);
    if (info->sims)
        *set |= POLLED_SIMS;
    take_version(exchange, info, set);
}

/* ---- POST /device ---- */

/* The code as private token, as password with any login, or after Code. */
static bool take_code(const struct http_exchange *exchange,
                      unsigned char code_hash[SECRET_HASH_BYTES])
{
    static const char scheme[] = "Code ";
    const char *authorization = exchange->request.authorization;
    const char *code = secret_bearer_token(authorization);
    char password[SECRET_PASSWORD_SIZE];
    if (!code && secret_basic_password(authorization, password))
        code = password;
    if (!code && strncasecmp(authorization, scheme, sizeof(scheme) - 1) == 0)
        code = authorization + sizeof(scheme) - 1;
    return code && pairing_code_hash(code, code_hash);
}

/* Of the phone's name, as "fp4eea-01b2c3": at most 21 characters, which is what programs for this API can name. */
static void choose_device_id(const char *name, char device_id[DEVICE_ID_SIZE])
{
    enum { MOST = 14 };
    const char *model = strrchr(name, '/');
    struct message_id random = message_id_new();
    const unsigned char *last = random.bytes + sizeof(random.bytes) - 3;
    int length = 0;
    for (const char *p = model ? model + 1 : name; *p && length < MOST; p++) {
        if (isalnum((unsigned char)*p))
            device_id[length++] = (char)tolower((unsigned char)*p);
    }
    if (length == 0)
        length = sprintf(device_id, "phone");
    sprintf(device_id + length, "-%02x%02x%02x", last[0], last[1], last[2]);
}

static void refuse_pairing(struct http_exchange *exchange, enum error error)
{
    if (error == ERROR_PAIRING_CODE_INVALID)
        smsgate_error(exchange, 401,
                      "The code does not exist, was used, or has expired; ask for a new one.");
    else if (error == ERROR_DEVICE_ID_TAKEN) /* two phones of a model got the same digits */
        smsgate_error(exchange, 503, "Another phone has the same name. Try again.");
    else
        http_store_problem(exchange, error);
}

static void answer_registered(struct http_exchange *exchange)
{
    const struct store_write *write = &exchange->write;
    const struct device_token *token = &write->pair.token;
    if (write->result != ERROR_NONE) {
        refuse_pairing(exchange, write->result);
        return;
    }
    log_info("device paired", LOG_TEXT("device_id", token->device_id),
             LOG_TEXT("token", token->id));
    struct json_writer json = {.out = &exchange->response.body};
    http_begin_json(exchange, 201);
    json_begin_object(&json, NULL);
    json_put_text(&json, "id", token->device_id);
    json_put_text(&json, "token", exchange->state->smsgate);
    json_put_text(&json, "login", token->device_id);
    json_end_object(&json);
}

static void release_registration(struct http_exchange *exchange)
{
    explicit_bzero(exchange->state->smsgate, SECRET_TEXT_SIZE);
    free(exchange->state->smsgate);
    device_info_fini(&exchange->write.pair.info);
}

static bool take_token(struct http_exchange *exchange)
{
    struct store_pair *pair = &exchange->write.pair;
    char device_id[DEVICE_ID_SIZE], hook[MOBILE_SECRET_SIZE];
    char *text = exchange->state->smsgate;
    choose_device_id(pair->info.name, device_id);
    if (!mobile_codes_take(exchange->api->mobile_codes, pair->code_hash, device_id,
                           clock_monotonic_ms(), &pair->token, text))
        return false;
    mobile_access_hook(text, hook);
    secret_hash(hook, pair->hook_hash);
    return true;
}

enum http_outcome mobile_handle_register(struct http_exchange *exchange)
{
    struct store_pair *pair = &exchange->write.pair;
    exchange->write = (struct store_write){.verb = STORE_PAIR, .pair.polled = true};
    if (!take_code(exchange, pair->code_hash))
        return smsgate_error(exchange, 401,
                             "Send a pairing code as private token, as password or as code;"
                             " `sms-gateway devices pair` makes one.");
    struct json *body = mobile_json_parse(exchange);
    if (!body)
        return HTTP_ANSWERED;
    take_info(exchange, body, &pair->info, &pair->set);
    pair->app_version = polled_app_version(exchange->request.user_agent);
    json_free(body);
    exchange->state->smsgate = calloc(1, SECRET_TEXT_SIZE);
    exchange->release = release_registration;
    if (!exchange->state->smsgate || !take_token(exchange))
        return http_problem(exchange, ERROR_INTERNAL, "No memory, or no random bytes for a token.");
    return http_park(exchange, answer_registered);
}

/* ---- PATCH /device ---- */

static void answer_described(struct http_exchange *exchange)
{
    const struct store_note_polled *note = &exchange->write.note_polled;
    if (exchange->write.result == ERROR_NONE && note->quarantined)
        mobile_access_quarantined(exchange, note->device_id, note->token_id,
                                  MOBILE_VERSIONS_TAKE_TURNS);
    else
        smsgate_answer_stored(exchange);
}

enum http_outcome mobile_handle_describe(struct http_exchange *exchange)
{
    struct device_token token;
    if (!mobile_access_take(exchange, &token))
        return HTTP_ANSWERED;
    struct json *body = mobile_json_parse(exchange);
    if (!body)
        return HTTP_ANSWERED;
    struct store_note_polled *note = mobile_note_begin(exchange, token.device_id, token.id);
    take_info(exchange, body, &note->info, &note->set);
    note->app_version = polled_app_version(exchange->request.user_agent);
    json_free(body);
    return http_park(exchange, answer_described);
}
