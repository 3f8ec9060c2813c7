#include "api-fcgi/server/idempotency.h"

#include "api-fcgi/server/api.h"
#include "common/base/character_name.h"
#include "common/base/log.h"
#include "common/base/utf8.h"

#include <stdio.h>
#include <string.h>

/* ---- The header ---- */

static bool is_printable(char c)
{
    return c >= ' ' && c <= '~';
}

/* The characters, all printable, of a value without quotes; those between the quotes of a structured-header string (RFC 9651, 3.3.3).
   Copies as many as there is room for. False where it is not such a string. */
static bool read_key(const char *value, char key[STORE_IDEMPOTENCY_KEY_SIZE], size_t *length)
{
    bool quoted = *value == '"';
    const char *c = value + quoted;
    for (*length = 0; *c && !(quoted && *c == '"'); c++) {
        if (quoted && *c == '\\' && *++c != '"' && *c != '\\')
            return false;
        if (*length < STORE_IDEMPOTENCY_KEY_SIZE - 1)
            key[*length] = *c;
        ++*length;
    }
    key[MIN(*length, (size_t)STORE_IDEMPOTENCY_KEY_SIZE - 1)] = '\0';
    return !quoted || strcmp(c, "\"") == 0;
}

/* The first character that a key cannot have; NULL: none. */
static const char *find_unprintable(const char *value)
{
    while (is_printable(*value))
        value++;
    return *value ? value : NULL;
}

static bool refuse_key(struct http_exchange *exchange, const char *why)
{
    http_problem(exchange, ERROR_IDEMPOTENCY_KEY_INVALID,
                 "Idempotency-Key must have 1 to 255 printable ASCII characters, such as a UUID;"
                 " %s.",
                 why);
    return false;
}

static bool take_key(struct http_exchange *exchange, char key[STORE_IDEMPOTENCY_KEY_SIZE])
{
    const char *bad = find_unprintable(exchange->request.idempotency_key);
    char name[CHARACTER_NAME_SIZE], why[CHARACTER_NAME_SIZE + 16];
    size_t length;
    if (bad) {
        character_name(utf8_next(&bad, bad + strlen(bad)), name);
        snprintf(why, sizeof(why), "this one has %s", name);
        return refuse_key(exchange, why);
    }
    if (!read_key(exchange->request.idempotency_key, key, &length))
        return refuse_key(exchange,
                          "after a quote it must be a string of RFC 9651: another quote ends it,"
                          " and inside a backslash comes only before a quote or a backslash");
    if (length == 0)
        return refuse_key(exchange, "this one is empty");
    if (length >= STORE_IDEMPOTENCY_KEY_SIZE)
        return refuse_key(exchange, "this one is longer");
    return true;
}

bool idempotency_take(struct http_exchange *exchange)
{
    const struct http_request *request = &exchange->request;
    struct store_idempotency *idempotency = &exchange->idempotency.request;
    if (!request->idempotency_key)
        return true;
    if (!take_key(exchange, idempotency->key))
        return false;
    strcpy(idempotency->key_id, exchange->key_id);
    secret_hash_request(request->method, request->path, request->query, request->body.data,
                        request->body.length, idempotency->request_hash);
    idempotency->answer.status = 0;
    idempotency->answer.location[0] = '\0';
    buffer_clear(&idempotency->answer.body);
    idempotency->replayed = false;
    exchange->idempotency.any = true;
    return true;
}

struct store_idempotency *idempotency_of(struct http_exchange *exchange)
{
    return exchange->idempotency.any ? &exchange->idempotency.request : NULL;
}

/* ---- Answers ---- */

bool idempotency_is_replayed(const struct http_exchange *exchange)
{
    return exchange->idempotency.any && exchange->idempotency.request.replayed;
}

enum http_outcome idempotency_replay(struct http_exchange *exchange, const struct buffer *body)
{
    const struct store_answer *answer = &exchange->idempotency.request.answer;
    if (!body)
        body = &answer->body;
    METRICS_ADD(&exchange->api->metrics, answers_replayed_total, 0, 1);
    log_info("answer replayed", LOG_TEXT("location", answer->location),
             LOG_TEXT_IF_ANY("key", exchange->key_id));
    http_begin_json(exchange, answer->status);
    if (*answer->location)
        http_add_header(exchange, "Location", "%s", answer->location);
    http_add_header(exchange, "Idempotency-Replayed", "true");
    buffer_append(&exchange->response.body, body->data, body->length);
    return HTTP_ANSWERED;
}

enum http_outcome idempotency_refuse(struct http_exchange *exchange)
{
    return http_problem(
        exchange, ERROR_IDEMPOTENCY_KEY_REUSED,
        "This Idempotency-Key came with another request in the last 24 hours. To"
        " repeat that one, send the same path, parameters and body, byte by byte; for a new one"
        " choose a new key. Nothing was changed.");
}

enum http_outcome idempotency_find_answer(struct http_exchange *exchange,
                                          void (*resume)(struct http_exchange *exchange))
{
    int status = exchange->response.status;
    if (!exchange->idempotency.any || (status != 422 && status != 404))
        return HTTP_ANSWERED;
    buffer_clear(&exchange->problem.errors); /* of the answer that stands; not of another problem */
    exchange->problem.error_count = 0;
    exchange->write = (struct store_write){
        .verb = STORE_FIND_ANSWER,
        .find_answer.idempotency = &exchange->idempotency.request,
    };
    return http_park(exchange, resume);
}
