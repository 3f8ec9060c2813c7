#include "api-fcgi/server/router.h"

#include "api-fcgi/api.h"
#include "api-fcgi/auth/authorize.h"
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/server/body_check.h"
#include "api-fcgi/server/query.h"
#include "api-fcgi/server/slow_reads.h"

#include <string.h>

static const struct route {
    struct router_route_name name; /* "{" starts the one segment that is an argument */
    unsigned scope;                /* of the key it needs; 0: everybody may */
    bool takes_json;               /* the body; the other routes ignore a body */
    bool takes_query; /* and its handler reads it; on the others every parameter is refused */
    bool reads_much;  /* of the database, so it may take long */
    enum http_outcome (*handle)(struct http_exchange *exchange);
} routes[] = {
    {{"POST", "/api/send-sms", 202}, API_SCOPE_SEND, true, false, false, handle_send_sms},
    {{"GET", "/api/sms", 200}, API_SCOPE_READ, false, true, true, handle_list_messages},
    {{"GET", "/api/sms/{message_id}", 200},
     API_SCOPE_READ,
     false,
     false,
     false,
     handle_get_message},
    {{"DELETE", "/api/sms/{message_id}", 200},
     API_SCOPE_SEND,
     false,
     false,
     false,
     handle_cancel_message},
    {{"GET", "/api/devices", 200}, API_SCOPE_DEVICES, false, true, true, handle_list_devices},
    {{"DELETE", "/api/devices/{device_id}", 200},
     API_SCOPE_PAIR,
     false,
     false,
     false,
     handle_revoke_device},
    {{"POST", "/api/pairings", 201}, API_SCOPE_PAIR, true, false, false, handle_create_pairing},
    {{"POST", "/api/pair", 201}, 0, true, false, false, handle_pair}, /* whoever has a code */
    {{"GET", "/livez", 200}, 0, false, false, false, handle_livez},
    {{"GET", "/readyz", 200}, 0, false, true, false, handle_readyz},
    {{"GET", "/metrics", 200}, API_SCOPE_METRICS, false, false, true, handle_metrics},
};

static const struct router_route_name no_route = {"", "", 404};

enum { ROUTE_COUNT = ARRAY_LENGTH(routes) };
_Static_assert((int)ROUTE_COUNT < (int)API_MAX_ROUTES, "the metrics have too little room");

const struct router_route_name *router_route_name(size_t index)
{
    if (index < ROUTE_COUNT)
        return &routes[index].name;
    return index == ROUTE_COUNT ? &no_route : NULL;
}

/* Matches a path; *argument points to what stands for {...}, or to its end. */
static bool matches(const char *pattern, const char *path, const char **argument)
{
    size_t fixed = strcspn(pattern, "{");
    if (strncmp(pattern, path, fixed) != 0)
        return false;
    *argument = path + fixed;
    if (pattern[fixed] == '\0')
        return path[fixed] == '\0';
    return path[fixed] != '\0' && !strchr(path + fixed, '/');
}

/* HEAD is GET; nginx keeps the body to itself. */
static bool takes_method(const struct route *route, const char *method)
{
    return strcmp(route->name.method, method) == 0 ||
           (strcmp(method, "HEAD") == 0 && strcmp(route->name.method, "GET") == 0);
}

static enum http_outcome refuse_method(struct http_exchange *exchange, const struct route *refusing)
{
    struct buffer allowed;
    buffer_init(&allowed, 128);
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        const struct router_route_name *name = &routes[i].name;
        if (strcmp(name->path, refusing->name.path) != 0)
            continue;
        if (allowed.length > 0)
            buffer_append_text(&allowed, ", ");
        buffer_append_text(&allowed, name->method);
        if (strcmp(name->method, "GET") == 0)
            buffer_append_text(&allowed, ", HEAD");
    }
    const char *methods = allowed.data ? allowed.data : "";
    http_add_header(exchange, "Allow", "%s", methods);
    enum http_outcome outcome = http_problem(exchange, ERROR_METHOD_NOT_ALLOWED, "%s takes %s.",
                                             refusing->name.path, methods);
    buffer_fini(&allowed);
    return outcome;
}

/* One rule for every address: with a slash at its end it is another one, which nobody has. An id that is
   missing must not turn a message's address into that of the list. */
static enum http_outcome refuse_path(struct http_exchange *exchange)
{
    const char *path = exchange->request.path;
    size_t length = strlen(path);
    if (length > 1 && path[length - 1] == '/')
        return http_problem(
            exchange, ERROR_NOT_FOUND,
            "No address of this gateway ends in a slash; GET /docs shows those it has.");
    return http_problem(exchange, ERROR_NOT_FOUND,
                        "This gateway has no such address; GET /docs shows those it has.");
}

enum http_outcome router_handle(struct http_exchange *exchange)
{
    struct http_request *request = &exchange->request;
    const struct route *other_method = NULL;
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        const struct route *route = &routes[i];
        if (!matches(route->name.path, request->path, &request->path_argument))
            continue;
        exchange->route = i;
        if (!takes_method(route, request->method)) {
            other_method = route;
            continue;
        }
        if (route->scope && !authorize(exchange, route->scope))
            return HTTP_ANSWERED;
        if (!route->takes_query && !query_take(exchange, NULL, 0, NULL, NULL))
            return HTTP_ANSWERED;
        if (route->reads_much)
            return slow_reads_run(exchange->api->slow_reads, exchange, route->handle);
        if (route->takes_json && !body_check(exchange))
            return HTTP_ANSWERED;
        return route->handle(exchange);
    }
    if (other_method)
        return refuse_method(exchange, other_method);
    exchange->route = ROUTE_COUNT;
    return refuse_path(exchange);
}
