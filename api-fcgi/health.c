/* GET /livez, /readyz */
#include "../common/json_write.h"
#include "api.h"
#include "handlers.h"

static void answer_status(struct http_exchange *exchange, const char *status)
{
    struct json_writer json = {.out = &exchange->response.body};
    http_begin_json(exchange, 200);
    json_begin_object(&json, NULL);
    json_put_text(&json, "status", status);
    json_end_object(&json);
}

/* The process runs; nothing else is asked, so that nobody restarts it for another's trouble. */
enum http_outcome handle_livez(struct http_exchange *exchange)
{
    answer_status(exchange, "live");
    return HTTP_ANSWERED;
}

static void answer_ready(struct http_exchange *exchange)
{
    if (exchange->write.result == ERROR_NONE)
        answer_status(exchange, "ready");
    else
        http_store_problem(exchange, exchange->write.result);
}

/* A message would be accepted now: a row was committed to find out. Phones and broker do not
   matter; messages wait for them. */
enum http_outcome handle_readyz(struct http_exchange *exchange)
{
    exchange->write = (struct store_write){.verb = STORE_PROBE};
    return http_park(exchange, answer_ready);
}
