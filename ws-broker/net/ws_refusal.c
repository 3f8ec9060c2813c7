#include "ws-broker/net/ws_refusal.h"

#include "common/base/problem.h"

#include <stdio.h>

void ws_refusal_write(struct buffer *out, enum error error, const char *detail,
                      const char *request_id)
{
    struct buffer body;
    buffer_init(&body, 1024);
    problem_write(&body,
                  &(struct problem){.error = error, .detail = detail, .request_id = request_id});
    out->failed |= body.failed;
    char head[256];
    snprintf(head, sizeof(head),
             "HTTP/1.1 %d Refused\r\nContent-Type: " PROBLEM_CONTENT_TYPE "\r\n"
             "Content-Length: %zu\r\nConnection: close\r\n",
             error_http_status(error), body.length);
    buffer_append_text(out, head);
    if (error_http_status(error) == 401)
        buffer_append_text(out, "WWW-Authenticate: Bearer realm=\"sms-gateway\"\r\n");
    if (error_http_status(error) == 503)
        buffer_append_text(out, "Retry-After: 5\r\n");
    buffer_append_text(out, "\r\n");
    if (!body.failed)
        buffer_append(out, body.data, body.length);
    buffer_fini(&body);
}
