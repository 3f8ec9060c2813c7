#include "api-fcgi/server/http.h"

#include "api-fcgi/server/api.h"
#include "api-fcgi/server/worker_policy.h"
#include "common/base/json_write.h"
#include "common/base/problem.h"
#include "common/base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    MAX_HEADER_BYTES = 8192,
    MAX_FIELD_ERRORS_BYTES = 65536,
    RETRY_AFTER_SECONDS = 5,
    KEEP_BODY_BYTES = 1 << 20, /* the body of a batch must not stay with a connection */
    PATIENCE_US = 10000,       /* of writes, for others to share the commit */
};

void http_exchange_init(struct http_exchange *exchange, struct api *api)
{
    *exchange = (struct http_exchange){.api = api};
    buffer_init(&exchange->request.body, (size_t)api->settings->max_body_bytes);
    buffer_init(&exchange->response.headers, MAX_HEADER_BYTES);
    buffer_init(&exchange->response.body, HTTP_MAX_RESPONSE_BYTES);
    buffer_init(&exchange->problem.errors, MAX_FIELD_ERRORS_BYTES);
    buffer_init(&exchange->problem.text, MAX_FIELD_ERRORS_BYTES);
    buffer_init(&exchange->idempotency.request.answer.body, HTTP_MAX_RESPONSE_BYTES);
}

static void release_state(struct http_exchange *exchange)
{
    if (exchange->release)
        exchange->release(exchange);
    exchange->release = NULL;
}

void http_exchange_fini(struct http_exchange *exchange)
{
    buffer_fini(&exchange->request.body);
    buffer_fini(&exchange->response.headers);
    buffer_fini(&exchange->response.body);
    buffer_fini(&exchange->problem.errors);
    buffer_fini(&exchange->problem.text);
    buffer_fini(&exchange->idempotency.request.answer.body);
    release_state(exchange);
}

/* The memory of a long answer must not stay with a connection. */
static void shrink_answer(struct buffer *body)
{
    enum { KEEP_BYTES = 65536 };
    if (body->capacity <= KEEP_BYTES)
        return;
    buffer_fini(body);
    buffer_init(body, HTTP_MAX_RESPONSE_BYTES);
}

void http_exchange_reset(struct http_exchange *exchange)
{
    shrink_answer(&exchange->response.body);
    shrink_answer(&exchange->idempotency.request.answer.body);
    if (exchange->request.body.capacity > KEEP_BODY_BYTES)
        buffer_fini(&exchange->request.body);
    buffer_clear(&exchange->request.body);
    buffer_clear(&exchange->response.headers);
    buffer_clear(&exchange->response.body);
    buffer_clear(&exchange->problem.errors);
    buffer_clear(&exchange->problem.text);
    exchange->problem.error_count = 0;
    exchange->problem.message_id = exchange->problem.batch_id = NULL;
    exchange->problem.source = HTTP_IN_BODY;
    exchange->problem.retry_after_s = 0;
    exchange->response.status = 0;
    exchange->idempotency.any = false;
    release_state(exchange);
}

void http_begin_json(struct http_exchange *exchange, int status)
{
    exchange->response.status = status;
    exchange->response.content_type = "application/json";
    buffer_clear(&exchange->response.body);
}

void http_add_header(struct http_exchange *exchange, const char *name, const char *format, ...)
{
    struct buffer *headers = &exchange->response.headers;
    va_list arguments;
    va_start(arguments, format);
    buffer_append_text(headers, name);
    buffer_append(headers, ": ", 2);
    buffer_append_format_list(headers, format, arguments);
    buffer_append(headers, "\r\n", 2);
    va_end(arguments);
}

const char *http_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(reasons); i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return "";
}

/* ---- Problems ---- */

/* The form of SMSGate's API, of which clients show the text alone: so what is wrong with each member is in it too. */
static void write_message(struct http_exchange *exchange, enum error error, const char *detail)
{
    struct json_writer json = {.out = &exchange->response.body};
    struct buffer text;
    buffer_init(&text, MAX_FIELD_ERRORS_BYTES);
    buffer_append_format(&text, "%s: ", error_title(error));
    if (exchange->problem.text.length > 0)
        buffer_append(&text, exchange->problem.text.data, exchange->problem.text.length);
    else
        buffer_append_text(&text, detail);
    json_begin_object(&json, NULL);
    json_put_text(&json, "message", text.failed || !text.data ? error_title(error) : text.data);
    json_end_object(&json);
    buffer_fini(&text);
    exchange->response.content_type = "application/json";
}

static enum http_outcome answer_problem(struct http_exchange *exchange, enum error error,
                                        const char *detail)
{
    struct http_response *response = &exchange->response;
    int status = error_http_status(error);
    char message_id[MESSAGE_ID_TEXT_SIZE], batch_id[MESSAGE_ID_TEXT_SIZE];
    struct problem problem = {
        .error = error,
        .detail = detail,
        .errors = http_has_field_errors(exchange) ? exchange->problem.errors.data : NULL,
        .request_id = exchange->request.request_id,
    };
    if (exchange->problem.message_id) {
        message_id_format(exchange->problem.message_id, message_id);
        problem.message_id = message_id;
    }
    if (exchange->problem.batch_id) {
        message_id_format(exchange->problem.batch_id, batch_id);
        problem.batch_id = batch_id;
    }
    buffer_clear(&response->body);
    response->content_type = PROBLEM_CONTENT_TYPE;
    if (exchange->is_smsgate)
        write_message(exchange, error, detail);
    else
        problem_write(&response->body, &problem);
    response->status = exchange->is_smsgate && status == 422 ? 400 : status;
    if (exchange->problem.retry_after_s == 0 && (status == 503 || status == 504 || status == 507))
        exchange->problem.retry_after_s = RETRY_AFTER_SECONDS;
    if (exchange->problem.retry_after_s > 0)
        http_add_header(exchange, "Retry-After", "%lld",
                        (long long)exchange->problem.retry_after_s);
    return HTTP_ANSWERED;
}

enum http_outcome http_problem(struct http_exchange *exchange, enum error error, const char *detail,
                               ...)
{
    char text[HTTP_DETAIL_SIZE];
    va_list arguments;
    va_start(arguments, detail);
    vsnprintf(text, sizeof(text), detail, arguments);
    utf8_trim(text);
    va_end(arguments);
    return answer_problem(exchange, error, text);
}

enum http_outcome http_store_problem(struct http_exchange *exchange, enum error error)
{
    if (error == ERROR_OUTCOME_UNKNOWN)
        return answer_problem(
            exchange, error,
            "Wait until GET /readyz answers 200, then check whether the request took effect before"
            " you repeat it.");
    return answer_problem(exchange, error, "Nothing was changed. Try again in a few seconds.");
}

/* `name` may be NULL. */
static void add_error(struct http_exchange *exchange, const char *kind, const char *name,
                      enum error error, const char *detail, va_list arguments)
{
    struct json_writer json = {.out = &exchange->problem.errors,
                               .needs_comma = http_has_field_errors(exchange)};
    char text[HTTP_DETAIL_SIZE];
    if (exchange->problem.error_count++ >= HTTP_MAX_FIELD_ERRORS)
        return;
    vsnprintf(text, sizeof(text), detail, arguments);
    utf8_trim(text);
    json_begin_object(&json, NULL);
    if (exchange->problem.source == HTTP_IN_CSV)
        json_put_integer(&json, "line", (int64_t)exchange->problem.line);
    if (name)
        json_put_text(&json, kind, name);
    json_put_text(&json, "code", error_code(error));
    json_put_text(&json, "detail", text);
    json_end_object(&json);
    if (exchange->is_smsgate)
        buffer_append_format(&exchange->problem.text, "%s%s%s%s",
                             exchange->problem.text.length > 0 ? "; " : "",
                             name ? name + (*name == '/') : "", name && *name ? " " : "", text);
}

void http_add_field_error(struct http_exchange *exchange, const char *pointer, enum error error,
                          const char *detail, ...)
{
    va_list arguments;
    va_start(arguments, detail);
    switch (exchange->problem.source) {
    case HTTP_IN_BODY:
        add_error(exchange, "pointer", pointer, error, detail, arguments);
        break;
    case HTTP_IN_QUERY:
        add_error(exchange, "parameter", pointer + 1, error, detail, arguments);
        break;
    case HTTP_IN_CSV:
        add_error(exchange, "column", *pointer ? pointer + 1 : NULL, error, detail, arguments);
        break;
    }
    va_end(arguments);
}

void http_add_parameter_error(struct http_exchange *exchange, const char *name, enum error error,
                              const char *detail, ...)
{
    va_list arguments;
    va_start(arguments, detail);
    add_error(exchange, "parameter", name, error, detail, arguments);
    va_end(arguments);
}

void http_add_check_error(struct http_exchange *exchange, const char *check, enum error error,
                          const char *detail, ...)
{
    va_list arguments;
    va_start(arguments, detail);
    add_error(exchange, "check", check, error, detail, arguments);
    va_end(arguments);
}

bool http_has_field_errors(const struct http_exchange *exchange)
{
    return exchange->problem.errors.length > 0;
}

/* ---- Parking ---- */

static void write_done(struct store_write *write)
{
    struct http_exchange *exchange = CONTAINER_OF(write, struct http_exchange, write);
    exchange->wake(exchange);
}

enum http_outcome http_park(struct http_exchange *exchange,
                            void (*resume)(struct http_exchange *exchange))
{
    exchange->resume = resume;
    exchange->write.done = write_done;
    exchange->write.patience_us = PATIENCE_US;
    exchange->write.is_awaited = true;
    exchange->write.run_inline = worker_policy_should_run_inline(exchange->worker);
    enum error error = store_submit(exchange->api->store, &exchange->write);
    return error == ERROR_NONE ? HTTP_PARKED : http_store_problem(exchange, error);
}
