#include "api-fcgi/server/router.h"

#include "api-fcgi/server/api.h"
#include "api-fcgi/server/body_check.h"
#include "api-fcgi/server/idempotency.h"
#include "api-fcgi/server/query.h"
#include "api-fcgi/server/slow_reads.h"

#include <stdio.h>
#include <string.h>

enum { SMSGATE_PATH_SIZE = 256 };

const struct route *router_route(const struct route_table *table, size_t index)
{
    static const struct route no_route = {.method = "", .path = "", .success = 404};
    if (index < table->count)
        return &table->routes[index];
    return index == table->count ? &no_route : NULL;
}

/* On a match `argument` is the segment in braces, cut, or "". */
static bool matches(const char *pattern, const char *path, char argument[HTTP_ARGUMENT_SIZE])
{
    size_t fixed = strcspn(pattern, "{"), length = 0;
    if (strncmp(pattern, path, fixed) != 0)
        return false;
    pattern += fixed;
    path += fixed;
    if (*pattern == '{') {
        pattern += strcspn(pattern, "}") + 1;
        length = strcspn(path, "/");
        if (length == 0)
            return false;
    }
    if (strcmp(pattern, path + length) != 0)
        return false;
    size_t kept = MIN(length, (size_t)HTTP_ARGUMENT_SIZE - 1);
    memcpy(argument, path, kept);
    argument[kept] = '\0';
    return true;
}

/* ---- SMSGate's paths ---- */

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

bool router_is_smsgate(const char *path)
{
    if (starts_with(path, "/api/"))
        path += 4;
    if (path[0] != '/') /* it may be empty */
        return false;
    return (path[1] == 'm' && starts_with(path, "/mobile/")) ||
           (path[1] == '3' && starts_with(path, "/3rdparty/"));
}

/* The path as the table has it; one that is too long is none of the table's. */
static const char *canonical_path(const char *path, char canonical[SMSGATE_PATH_SIZE])
{
    static const char v1[] = "/v1/message";
    const char *prefix = starts_with(path, "/api/") ? "" : "/api";
    const char *rest = strstr(path, v1);
    size_t head = rest ? (size_t)(rest - path) + sizeof(v1) - 1 : strlen(path);
    bool is_alias = rest && (path[head] == '\0' || path[head] == '/');
    int length = snprintf(canonical, SMSGATE_PATH_SIZE, "%s%.*s%s%s", prefix, (int)head, path,
                          is_alias ? "s" : "", path + head);
    return length < SMSGATE_PATH_SIZE ? canonical : path;
}

size_t router_max_body_bytes(const struct api *api, const char *path)
{
    const struct route_table *table = api->routes;
    for (size_t i = 0; i < table->count; i++) {
        if ((table->routes[i].flags & ROUTE_BATCH_BODY) && strcmp(table->routes[i].path, path) == 0)
            return (size_t)api->settings->max_batch_body_bytes;
    }
    return (size_t)api->settings->max_body_bytes;
}

static bool takes_method(const struct route *route, const char *method)
{
    return strcmp(route->method, method) == 0 ||
           (strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0);
}

static enum http_outcome refuse_method(struct http_exchange *exchange, const char *path)
{
    const struct route_table *table = exchange->api->routes;
    struct buffer allowed;
    buffer_init(&allowed, 128);
    for (size_t i = 0; i < table->count; i++) {
        const struct route *route = &table->routes[i];
        if (strcmp(route->path, path) != 0)
            continue;
        if (allowed.length > 0)
            buffer_append_text(&allowed, ", ");
        buffer_append_text(&allowed, route->method);
        if (strcmp(route->method, "GET") == 0)
            buffer_append_text(&allowed, ", HEAD");
    }
    const char *methods = allowed.data ? allowed.data : "";
    http_add_header(exchange, "Allow", "%s", methods);
    enum http_outcome outcome = http_problem(exchange, ERROR_METHOD_NOT_ALLOWED, "%s allows %s.",
                                             path, methods);
    buffer_fini(&allowed);
    return outcome;
}

/* A path with a trailing slash is never a route: a client that forgets the message id must not get the
   list of messages. */
static enum http_outcome refuse_path(struct http_exchange *exchange)
{
    const char *path = exchange->request.path;
    size_t length = strlen(path);
    if (length > 1 && path[length - 1] == '/')
        return http_problem(exchange, ERROR_NOT_FOUND,
                            "No path of the gateway ends in a slash; see GET /docs.");
    return http_problem(exchange, ERROR_NOT_FOUND, "The gateway has no such path; see GET /docs.");
}

static enum http_outcome run(struct http_exchange *exchange, const struct route *route)
{
    if (route->scope && !exchange->api->routes->authorize(exchange, route->scope))
        return HTTP_ANSWERED;
    if (!(route->flags & (ROUTE_QUERY | ROUTE_SMSGATE)) &&
        !query_take(exchange, NULL, 0, NULL, NULL))
        return HTTP_ANSWERED;
    if (route->flags & ROUTE_SLOW_READ)
        return slow_reads_run(exchange->api->slow_reads, exchange, route->handle);
    bool needs_no_body = route->flags & ROUTE_BODY_OPTIONAL && body_check_is_missing(exchange);
    if (route->flags & ROUTE_JSON_BODY && !needs_no_body &&
        !body_check_request(exchange, route->flags & ROUTE_CSV_BODY))
        return HTTP_ANSWERED;
    if ((route->flags & ROUTE_IDEMPOTENCY_KEY) && !idempotency_take(exchange))
        return HTTP_ANSWERED;
    return route->handle(exchange);
}

enum http_outcome router_handle(struct http_exchange *exchange)
{
    const struct route_table *table = exchange->api->routes;
    struct http_request *request = &exchange->request;
    const struct route *other_method = NULL;
    char canonical[SMSGATE_PATH_SIZE];
    const char *path = exchange->is_smsgate ? canonical_path(request->path, canonical)
                                            : request->path;
    for (size_t i = 0; i < table->count; i++) {
        const struct route *route = &table->routes[i];
        if (!matches(route->path, path, request->path_argument))
            continue;
        exchange->route = i;
        if (takes_method(route, request->method))
            return run(exchange, route);
        other_method = route;
    }
    if (other_method)
        return refuse_method(exchange, other_method->path);
    exchange->route = table->count;
    return refuse_path(exchange);
}
