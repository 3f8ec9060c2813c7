#include "api-fcgi/server/fcgi_request.h"

#include "api-fcgi/server/api.h"
#include "api-fcgi/server/router.h"
#include "common/base/clock.h"

#include <stdlib.h>
#include <string.h>

/* A body over its limit marks the buffer as failed; without memory it is lost. */
static void read_body(const FCGX_Request *fcgi, const char *content_length,
                      struct http_exchange *exchange)
{
    struct http_request *request = &exchange->request;
    size_t most = (size_t)exchange->api->settings->max_body_bytes;
    __attribute__((uninitialized)) char piece[8192];
    int length;
    unsigned long long announced = strtoull(content_length, NULL, 10);
    unsigned long long received = 0;
    /* Few routes take more: they are looked for where it matters. */
    request->body.max_length = announced > most
                                   ? router_max_body_bytes(exchange->api, request->path)
                                   : most;
    while ((length = FCGX_GetStr(piece, sizeof(piece), fcgi->in)) > 0) {
        buffer_append(&request->body, piece, (size_t)length);
        received += (unsigned)length;
    }
    request->body_lost = request->body.failed && received <= request->body.max_length;
    bool whole = FCGX_GetError(fcgi->in) == 0 && request->body.length == announced;
    request->body_cut = !request->body.failed && !whole;
}

/* The parameters that are used (nginx/gateway-fastcgi.conf). */
enum parameter {
    METHOD,
    PATH,
    QUERY,
    CONTENT_LENGTH,
    REQUEST_ID,
    AUTHORIZATION,
    CONTENT_TYPE_HEADER, /* once for each that the client sent; CONTENT_TYPE would be the same again */
    CONTENT_ENCODING_HEADER,
    IDEMPOTENCY_KEY_HEADER,
    COOKIE_HEADER,
    DASHBOARD_HEADER,
    FETCH_SITE_HEADER,
    ORIGIN_HEADER,
    HOST_HEADER,
    HTTPS,
    PARAMETER_COUNT
};

static const struct {
    const char *name;
    size_t length;
} parameters[PARAMETER_COUNT] = {
#define NAME(name)                                                                                 \
    {                                                                                              \
        name, sizeof(name) - 1                                                                     \
    }
    [METHOD] = NAME("REQUEST_METHOD"),
    [PATH] = NAME("DOCUMENT_URI"),
    [QUERY] = NAME("QUERY_STRING"),
    [CONTENT_LENGTH] = NAME("CONTENT_LENGTH"),
    [REQUEST_ID] = NAME("REQUEST_ID"),
    [AUTHORIZATION] = NAME("HTTP_AUTHORIZATION"),
    [CONTENT_TYPE_HEADER] = NAME("HTTP_CONTENT_TYPE"),
    [CONTENT_ENCODING_HEADER] = NAME("HTTP_CONTENT_ENCODING"),
    [IDEMPOTENCY_KEY_HEADER] = NAME("HTTP_IDEMPOTENCY_KEY"),
    [COOKIE_HEADER] = NAME("HTTP_COOKIE"),
    [DASHBOARD_HEADER] = NAME("HTTP_X_SMS_GATEWAY"),
    [FETCH_SITE_HEADER] = NAME("HTTP_SEC_FETCH_SITE"),
    [ORIGIN_HEADER] = NAME("HTTP_ORIGIN"),
    [HOST_HEADER] = NAME("HTTP_HOST"),
    [HTTPS] = NAME("HTTPS"),
#undef NAME
};

/* PARAMETER_COUNT for any other. */
static enum parameter find_parameter(const char *name, size_t length)
{
    for (int i = 0; i < PARAMETER_COUNT; i++) {
        if (parameters[i].length == length && memcmp(parameters[i].name, name, length) == 0)
            return (enum parameter)i;
    }
    return PARAMETER_COUNT;
}

bool fcgi_request_is_long(const FCGX_Request *fcgi)
{
    enum { LONG_BODY_BYTES = 65536 };
    const char *length = FCGX_GetParam(parameters[CONTENT_LENGTH].name, fcgi->envp);
    return length && strtoull(length, NULL, 10) > LONG_BODY_BYTES;
}

/* The headers that only SMSGate's routes read. */
static void read_smsgate(const FCGX_Request *fcgi, struct http_request *request)
{
    request->remote_address = FCGX_GetParam("REMOTE_ADDR", fcgi->envp);
    request->user_agent = FCGX_GetParam("HTTP_USER_AGENT", fcgi->envp);
    request->signature = FCGX_GetParam("HTTP_X_SIGNATURE", fcgi->envp);
    request->timestamp = FCGX_GetParam("HTTP_X_TIMESTAMP", fcgi->envp);
}

void fcgi_request_read(const FCGX_Request *fcgi, struct http_exchange *exchange)
{
    struct http_request *request = &exchange->request;
    const char *values[PARAMETER_COUNT];
    int times[PARAMETER_COUNT] = {0};
    for (int i = 0; i < PARAMETER_COUNT; i++)
        values[i] = "";
    /* One pass: FCGX_GetParam searches all of them for each name. */
    for (char **entry = fcgi->envp; *entry; entry++) {
        const char *end = strchrnul(*entry, '=');
        enum parameter parameter = find_parameter(*entry, (size_t)(end - *entry));
        if (parameter < PARAMETER_COUNT && *end && times[parameter]++ == 0)
            values[parameter] = end + 1;
    }
    request->method = values[METHOD];
    request->path = values[PATH];
    request->query = values[QUERY];
    request->content_type = values[CONTENT_TYPE_HEADER];
    request->authorization = values[AUTHORIZATION];
    request->request_id = values[REQUEST_ID];
    request->content_encoding = values[CONTENT_ENCODING_HEADER];
    request->cookie = times[COOKIE_HEADER] > 1 ? "" : values[COOKIE_HEADER];
    request->from_dashboard = values[DASHBOARD_HEADER];
    request->fetch_site = values[FETCH_SITE_HEADER];
    request->origin = values[ORIGIN_HEADER];
    request->host = values[HOST_HEADER];
    request->https = values[HTTPS];
    request->idempotency_key = times[IDEMPOTENCY_KEY_HEADER] > 0 ? values[IDEMPOTENCY_KEY_HEADER]
                                                                 : NULL;
    request->repeated_header = times[CONTENT_TYPE_HEADER] > 1       ? "Content-Type"
                               : times[CONTENT_ENCODING_HEADER] > 1 ? "Content-Encoding"
                               : times[IDEMPOTENCY_KEY_HEADER] > 1  ? "Idempotency-Key"
                                                                    : NULL;
    exchange->is_smsgate = router_is_smsgate(request->path);
    if (exchange->is_smsgate)
        read_smsgate(fcgi, request);
    read_body(fcgi, values[CONTENT_LENGTH], exchange);
}

static void put(FCGX_Stream *out, const char *text)
{
    FCGX_PutStr(text, (int)strlen(text), out);
}

static void put_number(FCGX_Stream *out, size_t number)
{
    char digits[24], *end = digits + sizeof(digits), *first = end;
    do {
        *--first = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    FCGX_PutStr(first, (int)(end - first), out);
}

static void count_answer(const struct http_exchange *exchange)
{
    struct api *api = exchange->api;
    METRICS_ADD(api, route_metrics[exchange->route].answers, exchange->response.status, 1);
    metrics_observe(&api->route_metrics[exchange->route].duration, METRICS_SHORT_TIMES,
                    (uint64_t)(clock_monotonic_us() - exchange->arrived_at_us));
}

void fcgi_request_answer(const FCGX_Request *fcgi, struct http_exchange *exchange)
{
    struct http_response *response = &exchange->response;
    FCGX_Stream *out = fcgi->out;

    if (response->body.failed || response->headers.failed) {
        buffer_clear(&response->headers);
        http_problem(exchange, ERROR_INTERNAL, "Not enough memory for the answer.");
    }
    count_answer(exchange);
    put(out, "Status: ");
    put_number(out, (size_t)response->status);
    put(out, " ");
    put(out, http_reason(response->status));
    put(out, "\r\nContent-Type: ");
    put(out, response->content_type);
    put(out, "\r\nContent-Length: ");
    put_number(out, response->body.length);
    put(out, "\r\nX-Request-Id: ");
    put(out, exchange->request.request_id);
    put(out, "\r\n"); /* nginx adds the headers that every answer has */
    if (response->headers.length > 0)
        FCGX_PutStr(response->headers.data, (int)response->headers.length, out);
    put(out, "\r\n");
    if (response->body.length > 0)
        FCGX_PutStr(response->body.data, (int)response->body.length, out);
}
