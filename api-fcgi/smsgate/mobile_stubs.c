/* GET /device, without a token; GET /user/code, PATCH /user/password */
#include "api-fcgi/smsgate/mobile.h"
#include "api-fcgi/smsgate/smsgate_error.h"

#include "common/base/json_write.h"

enum http_outcome mobile_handle_address(struct http_exchange *exchange)
{
    const char *address = exchange->request.remote_address;
    struct json_writer json = {.out = &exchange->response.body};
    http_begin_json(exchange, 200);
    json_begin_object(&json, NULL);
    json_put_text(&json, "externalIp", address ? address : "");
    json_end_object(&json);
    return HTTP_ANSWERED;
}

enum http_outcome mobile_refuse_user(struct http_exchange *exchange)
{
    return smsgate_error(
        exchange, 501,
        "This gateway has no users: programs have API keys, phones are paired by a code.");
}
