#include "ws-broker/net/ws_refusal.h"

#include "common/base/json_write.h"

#include <stdio.h>

void ws_refusal_write_body(struct buffer *out, enum error error, const char *detail,
                           const char *request_id)
{
    struct json_writer json = {.out = out};
    char type[96];
    snprintf(type, sizeof(type), "/docs/errors.html#%s", error_code(error));
    json_begin_object(&json, NULL);
    json_put_text(&json, "type", type);
    json_put_text(&json, "title", error_title(error));
    json_put_integer(&json, "status", error_http_status(error));
    json_put_text(&json, "detail", detail);
    json_put_text(&json, "code", error_code(error));
    json_put_text(&json, "request_id", request_id);
    json_end_object(&json);
}

void ws_refusal_write(struct buffer *out, enum error error, const char *detail,
                      const char *request_id)
{
    struct buffer body;
    buffer_init(&body, 1024);
    ws_refusal_write_body(&body, error, detail, request_id);
    out->failed |= body.failed;
    char head[256];
    snprintf(head, sizeof(head),
             "HTTP/1.1 %d Refused\r\nContent-Type: application/problem+json\r\n"
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
