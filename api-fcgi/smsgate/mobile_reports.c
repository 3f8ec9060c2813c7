/* PATCH /messages: what became of messages on a phone. Any report is answered 2xx once it is on disk, also one about a message
   that the phone does not have: the app would repeat it in vain. */
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/server/api.h"
#include "api-fcgi/smsgate/mobile.h"
#include "api-fcgi/smsgate/mobile_access.h"
#include "api-fcgi/smsgate/mobile_json.h"
#include "api-fcgi/smsgate/mobile_report.h"
#include "api-fcgi/smsgate/smsgate_error.h"
#include "common/base/clock.h"
#include "common/base/fail_point.h"
#include "common/base/jitter.h"
#include "common/model/polled_app.h"

#include <stdlib.h>
#include <string.h>

/* A message has one recipient. */
static const char *error_of(const struct json *element)
{
    const struct json *recipients = json_member(element, "recipients");
    const struct json *first = recipients && json_is_array(recipients) ? json_first(recipients)
                                                                       : NULL;
    return mobile_json_text(first, "error");
}

static bool has(const struct json *states, const char *state)
{
    const struct json *time = json_member(states, state);
    return time && !json_is_null(time);
}

/* `states` has the times of all states that it was in. */
static bool was_sent(const struct json *states)
{
    return has(states, "Sent") || has(states, "Delivered");
}

static int64_t time_of(const struct json *states, const char *state)
{
    int64_t at_ms;
    return clock_parse(mobile_json_text(states, state), &at_ms) ? at_ms : 0;
}

static bool take_report(const struct json *element, const struct device_token *token,
                        uint64_t *random, struct store_report *report)
{
    const struct json *states = json_is_object(element) ? json_member(element, "states") : NULL;
    bool has_states = states && json_is_object(states);
    *report = (struct store_report){.seq = -1, .jitter = jitter_next(random)};
    if (!json_is_object(element) ||
        !mobile_report_read(mobile_json_text(element, "id"), mobile_json_text(element, "state"),
                            error_of(element), has_states && was_sent(states), report))
        return false;
    strcpy(report->holder.device_id, token->device_id);
    device_token_journal(token, &report->holder.journal);
    if (has_states)
        report->notes = polled_notes_make(time_of(states, "Pending"), time_of(states, "Processed"));
    return true;
}

static void answer_reports(struct http_exchange *exchange)
{
    const struct store_report_polled *request = &exchange->write.report_polled;
    FAIL_POINT("api.before_report_answer");
    if (exchange->write.result == ERROR_NONE && request->quarantined) {
        mobile_access_quarantined(exchange, request->reports[0].holder.device_id, request->token_id,
                                  "two lists of messages have the same message");
        return;
    }
    smsgate_answer_stored(exchange);
}

static void release_reports(struct http_exchange *exchange)
{
    free(exchange->state->smsgate);
}

static size_t count_elements(const struct json *body)
{
    size_t count = 0;
    for (const struct json *element = json_first(body); element; element = json_next(element))
        count++;
    return count;
}

/* Of the random half of a new id. */
static uint64_t random_seed(void)
{
    struct message_id id = message_id_new();
    uint64_t seed;
    memcpy(&seed, id.bytes + sizeof(id.bytes) - sizeof(seed), sizeof(seed));
    return seed | 1;
}

/* False after answering. */
static bool take_reports(struct http_exchange *exchange, const struct device_token *token,
                         const struct json *body)
{
    struct store_report_polled *request = &exchange->write.report_polled;
    uint64_t random = random_seed();
    if (!json_is_array(body)) {
        smsgate_error(exchange, 400, "The body must be an array of reports, not %s.",
                      json_type_name(body));
        return false;
    }
    request->reports = calloc(count_elements(body) + 1, sizeof(*request->reports));
    exchange->state->smsgate = request->reports;
    exchange->release = release_reports;
    if (!request->reports) {
        http_problem(exchange, ERROR_INTERNAL, "Not enough memory for the reports.");
        return false;
    }
    json_for_each (element, body)
        request->count += take_report(element, token, &random, &request->reports[request->count]);
    return true;
}

enum http_outcome mobile_handle_reports(struct http_exchange *exchange)
{
    struct device_token token;
    if (!mobile_access_take(exchange, &token))
        return HTTP_ANSWERED;
    struct json *body = mobile_json_parse(exchange);
    if (!body)
        return HTTP_ANSWERED;
    exchange->write = (struct store_write){.verb = STORE_REPORT_POLLED};
    strcpy(exchange->write.report_polled.token_id, token.id);
    bool good = take_reports(exchange, &token, body);
    json_free(body);
    if (!good)
        return HTTP_ANSWERED;
    if (exchange->write.report_polled.count == 0)
        return smsgate_answer_empty(exchange, 204);
    return http_park(exchange, answer_reports);
}
