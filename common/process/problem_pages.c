#include "common/process/problem_pages.h"

#include "common/base/base.h"
#include "common/base/problem.h"
#include "common/model/protocol.h"

#define RETRY_AFTER(seconds) "add_header Retry-After " seconds " always;"

static const struct nginx_problem {
    const char *name; /* of the location, /problem/NAME */
    /* Statuses of nginx that lead there; none: gateway.conf rewrites to it. */
    const char *error_pages[3];
    enum error error;
    const char *detail;     /* nginx replaces its $variables */
    const char *headers[2]; /* further directives */
} problems[] = {
    {"400",
     {"400", "412 416 =400" /* conditions and ranges */,
      "501 505 =400" /* unknown codings, versions */},
     ERROR_MALFORMED_REQUEST,
     "nginx could not parse the request.",
     {NULL}},
    {"400-handshake",
     {NULL},
     ERROR_MALFORMED_REQUEST,
     "Sec-WebSocket-Key must be 16 bytes in Base64 (RFC 6455, 4.1), Sec-WebSocket-Protocol shorter "
     "than"
     " 1,000 bytes, and Authorization shorter than 200.",
     {NULL}},
    {"403",
     {"403"},
     ERROR_FORBIDDEN,
     "Metrics can be read only on the machine of the gateway.",
     {NULL}},
    {"403-origin",
     {NULL},
     ERROR_FORBIDDEN,
     "Without device tokens (DEVICE_TOKENS=off) the Origin header must be absent, or name the "
     "address that the"
     " device connects to: a web page sends another one.",
     {NULL}},
    {"404", {"404"}, ERROR_NOT_FOUND, "$not_found_detail", {NULL}},
    {"404-device", {NULL}, ERROR_NOT_FOUND, PROTOCOL_PATH_ERROR, {NULL}},
    {"405",
     {"405"},
     ERROR_METHOD_NOT_ALLOWED,
     "The Allow header lists the allowed methods.",
     {"add_header Allow $allowed_methods always;"}},
    {"413", {"413"}, ERROR_BODY_TOO_LARGE, "The limit is $max_body_bytes.", {NULL}},
    {"414", {"414"}, ERROR_URI_TOO_LONG, "The limit is 8 KiB.", {NULL}},
    {"421",
     {"421"},
     ERROR_MISDIRECTED,
     "Without API keys the gateway answers only to its IP address, localhost, and the host in "
     "PUBLIC_URL.",
     {NULL}},
    {"426",
     {"426"},
     ERROR_UPGRADE_REQUIRED,
     "Connect with WebSocket, version 13 (RFC 6455).",
     {"add_header Upgrade websocket always;", "add_header Sec-WebSocket-Version 13 always;"}},
    {"429",
     {"429"},
     ERROR_TOO_MANY_REQUESTS,
     "Try again after the number of seconds in the Retry-After header. Nothing was changed.",
     {RETRY_AFTER("$seconds_to_wait")}},
    {"431",
     {"494 =431"},
     ERROR_HEADERS_TOO_LARGE,
     "The limit is 8 KiB for one header and 32 KiB for all.",
     {NULL}},
    {"497", {"497 =400"}, ERROR_TLS_REQUIRED, "Use https:// or wss://.", {NULL}},
    {"500", {"500"}, ERROR_INTERNAL, "nginx could not process the request.", {NULL}},
    {"502",
     {"502"},
     ERROR_NOT_AVAILABLE,
     "It may be restarting. A message may have been accepted: send it again with the same "
     "Idempotency-Key; without one, look for it first.",
     {RETRY_AFTER("1")}},
    {"503", /* limit_conn of the batches; the API answers its own 503s */
     {"503"},
     ERROR_TOO_MANY_BATCHES,
     "At most $most_batches batches are in work at a time (BATCHES_AT_ONCE), and a quarter of them "
     "for one address. Nothing was accepted; try again after the number of seconds in the "
     "Retry-After header.",
     {RETRY_AFTER("2")}},
    {"504",
     {"504"},
     ERROR_TOO_SLOW,
     "A message may have been accepted: send it again with the same Idempotency-Key; without one, "
     "look for it first.",
     {RETRY_AFTER("5")}},
};

/* A program repeats a message by its id. */
static const char *smsgate_detail(const struct nginx_problem *problem)
{
    switch (problem->error) {
    case ERROR_NOT_AVAILABLE:
        return "It may be restarting. A message may have been accepted: send it again with the "
               "same id.";
    case ERROR_TOO_SLOW:
        return "A message may have been accepted: send it again with the same id.";
    default:
        return problem->detail;
    }
}

static void print_location(FILE *out, const struct nginx_problem *problem, bool smsgate)
{
    struct buffer body;
    buffer_init(&body, 4096);
    const struct problem answer = {.error = problem->error,
                                   .detail = smsgate ? smsgate_detail(problem) : problem->detail,
                                   .request_id = "$request_id",
                                   .is_message = smsgate};
    problem_write(&body, &answer);
    /* nginx compares the length of the body with the limit of this location too: a batch would get 413 instead. */
    fprintf(out,
            "location = /problem/%s%s {\n    internal;\n    client_max_body_size 0;\n"
            "    default_type %s;\n",
            problem->name, smsgate ? "-smsgate" : "", problem_content_type(&answer));
    if (problem->headers[0]) /* an add_header of its own takes the place of those from around it */
        fputs("    include gateway-headers-api.conf;\n", out);
    for (size_t i = 0; i < ARRAY_LENGTH(problem->headers) && problem->headers[i]; i++)
        fprintf(out, "    %s\n", problem->headers[i]);
    fprintf(out, "    return %d '%s';\n}\n", error_http_status(problem->error), body.data);
    buffer_fini(&body);
}

void problem_pages_print_nginx(FILE *out)
{
    fputs("# nginx's own errors as problems: printed by api-fcgi --print-nginx-problems.\n"
          "#\n"
          "# By URI and not by named location: before nginx knows the path of a request it cannot "
          "go to a\n"
          "# named one, and would answer 500. $problem_form is of gateway-http.conf.\n\n",
          out);
    for (size_t i = 0; i < ARRAY_LENGTH(problems); i++) {
        for (size_t j = 0; j < ARRAY_LENGTH(problems[i].error_pages) && problems[i].error_pages[j];
             j++)
            fprintf(out, "error_page %s /problem/%s$problem_form;\n", problems[i].error_pages[j],
                    problems[i].name);
    }
    fputc('\n', out);
    for (size_t i = 0; i < ARRAY_LENGTH(problems); i++) {
        print_location(out, &problems[i], false);
        if (problems[i].error_pages[0])
            print_location(out, &problems[i], true);
    }
}
