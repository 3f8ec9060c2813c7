/* GET /health, /health/ready, /health/live, /health/startup */
#include "api-fcgi/handlers/readiness.h"
#include "api-fcgi/server/api.h"
#include "api-fcgi/smsgate/program.h"
#include "common/base/json_write.h"

#include <stdio.h>

/* 1.2.3 is release 10203: clients want a number. */
static int64_t release_id(void)
{
    unsigned major = 0, minor = 0, patch = 0;
    if (sscanf(GATEWAY_VERSION, "%u.%u.%u", &major, &minor, &patch) < 1)
        return 0;
    return (int64_t)major * 10000 + minor * 100 + patch;
}

static void begin(struct http_exchange *exchange, struct json_writer *json, bool passes)
{
    http_begin_json(exchange, passes ? 200 : 503);
    json_begin_object(json, NULL);
    json_put_text(json, "status", passes ? "pass" : "fail");
    json_put_text(json, "version", GATEWAY_VERSION);
    json_put_integer(json, "releaseId", release_id());
    json_begin_object(json, "checks");
}

static void end(struct json_writer *json)
{
    json_end_object(json);
    json_end_object(json);
}

static void answer_ready(struct http_exchange *exchange)
{
    struct json_writer json = {.out = &exchange->response.body};
    enum error fault = exchange->write.result;
    begin(exchange, &json, fault == ERROR_NONE);
    json_begin_object(&json, "messages:accepting");
    json_put_text(&json, "status", fault == ERROR_NONE ? "pass" : "fail");
    json_put_text(&json, "description",
                  fault == ERROR_NONE ? "A message would be accepted now" : error_title(fault));
    json_put_integer(&json, "observedValue", fault == ERROR_NONE);
    json_put_text(&json, "observedUnit", "boolean");
    json_end_object(&json);
    end(&json);
}

enum http_outcome program_health_handle_ready(struct http_exchange *exchange)
{
    return readiness_ask(exchange->api->readiness, exchange, answer_ready);
}

enum http_outcome program_health_handle_live(struct http_exchange *exchange)
{
    struct json_writer json = {.out = &exchange->response.body};
    begin(exchange, &json, true);
    end(&json);
    return HTTP_ANSWERED;
}
