#include "api-fcgi/smsgate/smsgate_error.h"

#include "common/base/json_write.h"
#include "common/base/utf8.h"

#include <stdarg.h>
#include <stdio.h>

enum http_outcome smsgate_error(struct http_exchange *exchange, int status, const char *message,
                                ...)
{
    struct json_writer json = {.out = &exchange->response.body};
    char text[HTTP_DETAIL_SIZE];
    va_list arguments;
    va_start(arguments, message);
    vsnprintf(text, sizeof(text), message, arguments);
    utf8_trim(text);
    va_end(arguments);
    http_begin_json(exchange, status);
    json_begin_object(&json, NULL);
    json_put_text(&json, "message", text);
    json_end_object(&json);
    return HTTP_ANSWERED;
}

enum http_outcome smsgate_answer_empty(struct http_exchange *exchange, int status)
{
    http_begin_json(exchange, status);
    return HTTP_ANSWERED;
}

void smsgate_answer_stored(struct http_exchange *exchange)
{
    if (exchange->write.result != ERROR_NONE)
        http_store_problem(exchange, exchange->write.result);
    else
        smsgate_answer_empty(exchange, 204);
}
