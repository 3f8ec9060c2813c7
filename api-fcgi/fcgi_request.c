#include "fcgi_request.h"

#include "../common/clock.h"
#include "api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *parameter(const FCGX_Request *fcgi, const char *name)
{
    const char *value = FCGX_GetParam(name, fcgi->envp);
    return value ? value : "";
}

static bool has_parameter_twice(const FCGX_Request *fcgi, const char *name)
{
    size_t length = strlen(name);
    int count = 0;
    for (char **entry = fcgi->envp; *entry; entry++)
        count += strncmp(*entry, name, length) == 0 && (*entry)[length] == '=';
    return count > 1;
}

/* The body, up to its limit; one that is longer marks the buffer as failed. Without memory it is lost. */
static void read_body(const FCGX_Request *fcgi, struct http_request *request)
{
    char piece[8192];
    int length;
    unsigned long long announced = strtoull(parameter(fcgi, "CONTENT_LENGTH"), NULL, 10);
    unsigned long long received = 0;
    while ((length = FCGX_GetStr(piece, sizeof(piece), fcgi->in)) > 0) {
        buffer_append(&request->body, piece, (size_t)length);
        received += (unsigned)length;
    }
    request->body_lost = request->body.failed && received <= request->body.max_length;
    bool whole = FCGX_GetError(fcgi->in) == 0 && request->body.length == announced;
    request->body_cut = !request->body.failed && !whole;
}

void fcgi_request_read(const FCGX_Request *fcgi, struct http_request *request)
{
    request->method = parameter(fcgi, "REQUEST_METHOD");
    request->path = parameter(fcgi, "DOCUMENT_URI"); /* and nothing else: it is decoded once */
    request->query = parameter(fcgi, "QUERY_STRING");
    request->content_type = parameter(fcgi, "CONTENT_TYPE");
    request->authorization = parameter(fcgi, "HTTP_AUTHORIZATION");
    request->content_type_twice = has_parameter_twice(fcgi, "HTTP_CONTENT_TYPE");
    snprintf(request->request_id, sizeof(request->request_id), "%s", parameter(fcgi, "REQUEST_ID"));
    read_body(fcgi, request);
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
    METRICS_ADD(api, routes[exchange->route].answers, exchange->response.status, 1);
    metrics_observe(&api->routes[exchange->route].duration, METRICS_SHORT_TIMES,
                    (uint64_t)(clock_monotonic_us() - exchange->arrived_at_us));
}

void fcgi_request_answer(const FCGX_Request *fcgi, struct http_exchange *exchange)
{
    struct http_response *response = &exchange->response;
    FCGX_Stream *out = fcgi->out;

    if (response->body.failed || response->headers.failed) {
        buffer_clear(&response->headers);
        http_problem(exchange, ERROR_INTERNAL, "There is no memory for the answer.");
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
    put(out, "\r\n"); /* what every answer has besides, nginx adds */
    if (response->headers.length > 0)
        FCGX_PutStr(response->headers.data, (int)response->headers.length, out);
    put(out, "\r\n");
    if (response->body.length > 0)
        FCGX_PutStr(response->body.data, (int)response->body.length, out);
}
