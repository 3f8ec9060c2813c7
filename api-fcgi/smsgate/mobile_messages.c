/* GET /messages: a phone fetches what it is to send. What is listed is on disk as `accepted` before the answer begins. */
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/server/api.h"
#include "api-fcgi/smsgate/mobile.h"
#include "api-fcgi/smsgate/mobile_access.h"
#include "api-fcgi/smsgate/mobile_clock.h"
#include "api-fcgi/smsgate/smsgate_json.h"
#include "common/base/fail_point.h"
#include "common/base/json_write.h"
#include "common/model/polled_app.h"

#include <string.h>

/* Below 100, from which on the app ignores its own pauses. */
enum { HIGH_PRIORITY = 50, LOW_PRIORITY = -50 };

static int64_t valid_until_ms(const struct http_exchange *exchange, const struct message *message)
{
    return polled_valid_until_ms(message->reached_at_ms[MESSAGE_ACCEPTED],
                                 message->options.expires_at_ms,
                                 exchange->api->settings->report_horizon_hours * 3600 * 1000);
}

static void put_listing(const struct http_exchange *exchange, struct json_writer *json,
                        const struct store_listing *listing)
{
    const struct message *message = &listing->message;
    const struct message_options *options = &message->options;
    char id[POLLED_WIRE_ID_SIZE], number[MESSAGE_ENCRYPTED_NUMBER_SIZE];
    const char *text = message_content_text(options->content, message->text);
    bool is_encrypted = message_content_number(options->content, message->text, number);
    polled_wire_id_format(&(struct message_ref){message->id, message->attempt}, id);
    json_begin_object(json, NULL);
    json_put_text(json, "id", id);
    json_put_text(json, "message",
                  options->content == MESSAGE_DATA ? "" : text); /* for apps that know no other */
    smsgate_content_put(json, message);
    json_begin_array(json, "phoneNumbers");
    json_put_text(json, NULL, is_encrypted ? number : message->phone_number);
    json_end_array(json);
    if (options->target.sim != 0)
        json_put_integer(json, "simNumber", options->target.sim);
    json_put_bool(json, "withDeliveryReport", !options->no_delivery_report);
    json_put_bool(json, "isEncrypted", is_encrypted);
    json_put_integer(json, "priority",
                     options->priority == MESSAGE_PRIORITY_HIGH  ? HIGH_PRIORITY
                     : options->priority == MESSAGE_PRIORITY_LOW ? LOW_PRIORITY
                                                                 : 0);
    json_put_time(json, "validUntil", valid_until_ms(exchange, message));
    json_put_text(json, "state", listing->cancel ? "Cancelling" : "Pending");
    /* The app forgets its oldest messages by this. */
    json_put_time(json, "createdAt", message->reached_at_ms[MESSAGE_ACCEPTED]);
    json_end_object(json);
}

static void answer_messages(struct http_exchange *exchange)
{
    const struct store_poll_messages *poll = &exchange->write.poll_messages;
    struct json_writer json = {.out = &exchange->response.body};
    FAIL_POINT("api.before_listing");
    if (exchange->write.result == ERROR_DEVICE_TOKEN_INVALID) {
        http_problem(exchange, ERROR_DEVICE_TOKEN_INVALID, "It was revoked.");
        return;
    }
    if (exchange->write.result != ERROR_NONE) {
        http_store_problem(exchange, exchange->write.result);
        return;
    }
    if (poll->quarantined) {
        mobile_access_quarantined(exchange, poll->holder.device_id, poll->token_id,
                                  MOBILE_VERSIONS_TAKE_TURNS);
        return;
    }
    http_begin_json(exchange, 200);
    json_begin_array(&json, NULL);
    for (size_t i = 0; i < poll->count; i++)
        put_listing(exchange, &json, &poll->listings[i]);
    json_end_array(&json);
}

static void release_messages(struct http_exchange *exchange)
{
    store_poll_messages_fini(&exchange->write.poll_messages);
}

enum http_outcome mobile_handle_messages(struct http_exchange *exchange)
{
    struct store_poll_messages *poll = &exchange->write.poll_messages;
    struct device_token token;
    if (!mobile_access_take(exchange, &token))
        return HTTP_ANSWERED;
    exchange->write = (struct store_write){
        .verb = STORE_POLL_MESSAGES,
        .poll_messages = {.app_version = polled_app_version(exchange->request.user_agent),
                          .trusted_wall_ms = mobile_clock_trusted_wall_ms(
                              exchange->api->mobile_clock)},
    };
    strcpy(poll->holder.device_id, token.device_id);
    strcpy(poll->token_id, token.id);
    device_token_journal(&token, &poll->holder.journal);
    exchange->release = release_messages;
    return http_park(exchange, answer_messages);
}
