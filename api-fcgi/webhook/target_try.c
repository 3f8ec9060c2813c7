#include "api-fcgi/webhook/target_try.h"

#include "api-fcgi/webhook/http_client.h"
#include "api-fcgi/webhook/signature.h"
#include "common/base/fail_point.h"
#include "common/base/jitter.h"
#include "common/base/log.h"
#include "common/process/webhook_url.h"
#include "common/store/webhook_json.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    CONNECT_TIMEOUT_MS = 10000,
    TIMEOUT_MS = 30000, /* of a whole try */
    MOST_ANSWER_BYTES = 65536,
    HEADER_SIZE = 192,
    TRY_AGAIN_MS = 1000, /* after a fault of this machine */
};

/* A delivery in flight, and whose it is. */
struct
try {
    struct target *target;
    struct delivery *delivery;
    struct try *next_free;
};

struct try_maker {
    struct try_maker_options options;
    struct http_client *client;
    uint64_t random;
    struct try *free_tries;
    struct try tries[];
};

/* ---- Which address ---- */

static void format_address(const struct sockaddr *address, char text[INET6_ADDRSTRLEN])
{
    const void *bytes = address->sa_family == AF_INET6
                            ? (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr
                            : (const void *)&((const struct sockaddr_in *)address)->sin_addr;
    if (!inet_ntop(address->sa_family, bytes, text, INET6_ADDRSTRLEN))
        snprintf(text, INET6_ADDRSTRLEN, "an address");
}

static bool may_connect(void *context, const struct sockaddr *address,
                        char problem[HTTP_CLIENT_PROBLEM_SIZE])
{
    const struct try_maker *maker = context;
    char text[INET6_ADDRSTRLEN];
    const char *kind = webhook_address_problem(maker->options.rules, address);
    if (!kind && webhook_address_is_own(maker->options.rules, address))
        kind = "an address of this machine";
    if (!kind)
        return true;
    format_address(address, text);
    snprintf(problem, HTTP_CLIENT_PROBLEM_SIZE, "%s is %s, which webhooks may not be sent to", text,
             kind);
    return false;
}

/* ---- What became of it ---- */

static void log_end(struct target *target, int64_t event_id, enum receiver_finish end,
                    const struct http_answer *answer)
{
    const struct receiver *receiver = target->receiver;
    struct log_field id = LOG_TEXT("webhook", target->webhook.id);
    switch (end) {
    case RECEIVER_DELIVERED:
        log_debug("event delivered", id, LOG_NUMBER("event", event_id),
                  LOG_NUMBER("status", answer->status));
        break;
    case RECEIVER_FAILED:
        log_debug("delivery failed", id, LOG_NUMBER("event", event_id),
                  LOG_NUMBER_IF_ANY("status", answer->status),
                  LOG_TEXT_IF_ANY("reason", answer->problem));
        break;
    case RECEIVER_GAVE_UP:
        log_warning("delivery given up", id, LOG_NUMBER("event", event_id),
                    LOG_NUMBER_IF_ANY("status", answer->status),
                    LOG_TEXT_IF_ANY("reason", answer->problem));
        break;
    }
    if (receiver->health.is_open == target->reported_open)
        return;
    target->reported_open = receiver->health.is_open;
    if (receiver->health.is_open)
        log_warning("webhook fails; it is tried more rarely", id,
                    LOG_NUMBER_IF_ANY("status", answer->status),
                    LOG_TEXT_IF_ANY("reason", answer->problem));
    else
        log_info("webhook answers again", id);
}

static void end_try(struct try_maker *maker, struct try *try, const struct http_answer *answer)
{
    struct target *target = try->target;
    struct metrics *metrics = maker->options.metrics;
    int64_t event_id = try->delivery->event_id, now_ms = target_time_now().now_ms;
    const struct receiver_answer told = {
        .status = answer->status,
        .problem = answer->problem,
        .retry_after_ms = answer->retry_after_ms,
    };
    enum receiver_finish end = receiver_finish(target->receiver, try->delivery, &told, now_ms,
                                               jitter_next(&maker->random));
    METRICS_OBSERVE(metrics, webhook_try_seconds, (uint64_t)MAX(answer->took_us, 0));
    if (end == RECEIVER_DELIVERED)
        METRICS_ADD(metrics, webhook_deliveries_total, 0, 1);
    else
        METRICS_ADD(metrics, webhook_failed_tries_total, 0, 1);
    if (end == RECEIVER_GAVE_UP)
        METRICS_ADD(metrics, webhook_given_up_total, 0, 1);
    log_end(target, event_id, end, answer);
    try->next_free = maker->free_tries;
    maker->free_tries = try;
}

static void ended(void *context, void *owner, const struct http_answer *answer)
{
    struct http_answer told = *answer;
    FAIL_POINT("webhook.after_answer");
    if (told.status != 0)
        told.problem[0] = '\0'; /* the status says it */
    end_try(context, owner, &told);
}

/* ---- A try ---- */

struct headers {
    char id[HEADER_SIZE], timestamp[HEADER_SIZE], signature[HEADER_SIZE];
};

/* As SMSGate's app signs; `id` stays "", because the body has it. False: the key is too long. */
static bool make_smsgate_headers(const char *key, const struct delivery *delivery, int64_t wall_ms,
                                 struct headers *headers)
{
    char timestamp[24], mac[SECRET_HEX_MAC_SIZE];
    int length = snprintf(timestamp, sizeof(timestamp), "%" PRId64, wall_ms / 1000);
    const struct secret_part parts[2] = {{delivery->body, delivery->body_length},
                                         {timestamp, (size_t)length}};
    headers->id[0] = '\0';
    if (!secret_sign_hex(key, parts, 2, mac))
        return false;
    snprintf(headers->timestamp, HEADER_SIZE, "X-Timestamp: %s", timestamp);
    snprintf(headers->signature, HEADER_SIZE, "X-Signature: %s", mac);
    return true;
}

static bool make_headers(const struct try_maker *maker, const struct webhook *webhook,
                         const struct delivery *delivery, int64_t wall_ms, struct headers *headers)
{
    char id[WEBHOOK_DELIVERY_NAME_SIZE], signature[SIGNATURE_SIZE];
    const char *key = maker->options.signing_key;
    if (webhook->form == WEBHOOK_SMSGATE)
        return make_smsgate_headers(*key ? key : webhook->secret, delivery, wall_ms, headers);
    const char *old_secret = wall_ms < webhook->old_secret_until_ms ? webhook->old_secret : "";
    webhook_delivery_name(delivery->event_id, delivery->event_at_ms, id);
    if (!signature_make(webhook->secret, old_secret, id, wall_ms / 1000, delivery->body,
                        delivery->body_length, signature))
        return false;
    snprintf(headers->id, HEADER_SIZE, "webhook-id: %s", id);
    snprintf(headers->timestamp, HEADER_SIZE, "webhook-timestamp: %" PRId64, wall_ms / 1000);
    snprintf(headers->signature, HEADER_SIZE, "webhook-signature: %s", signature);
    return true;
}

void try_begin(struct try_maker *maker, struct target *target, struct delivery *delivery,
               const struct target_time *time)
{
    struct http_answer refused = {0};
    struct headers headers;
    char errmsg[ERRMSG_SIZE];
    struct try *try = maker->free_tries;
    maker->free_tries = try->next_free;
    *try = (struct try){.target = target, .delivery = delivery};
    if (!webhook_url_check(target->webhook.url, maker->options.rules, errmsg))
        snprintf(refused.problem, sizeof(refused.problem), "the URL %.*s",
                 HTTP_CLIENT_PROBLEM_SIZE - 16, errmsg);
    else if (!make_headers(maker, &target->webhook, delivery, time->wall_ms, &headers))
        snprintf(refused.problem, sizeof(refused.problem), "its secret is no key");
    if (*refused.problem) {
        end_try(maker, try, &refused);
        return;
    }
    const struct http_post post = {
        .url = target->webhook.url,
        .headers = {headers.signature, headers.timestamp, *headers.id ? headers.id : NULL},
        .body = delivery->body,
        .body_length = delivery->body_length,
        .owner = try,
    };
    if (http_client_post(maker->client, &post))
        return;
    log_warning("cannot begin a delivery; it is tried again", LOG_TEXT("reason", "no memory"));
    receiver_put_back(target->receiver, delivery, time->now_ms + TRY_AGAIN_MS);
    try->next_free = maker->free_tries;
    maker->free_tries = try;
}

/* ---- The maker ---- */

struct try_maker *try_maker_new(const struct try_maker_options *options)
{
    struct try_maker *maker = calloc(1, sizeof(*maker) + options->most_tries * sizeof(struct try));
    if (!maker)
        return NULL;
    maker->options = *options;
    maker->random = ((uint64_t)target_time_now().wall_ms ^ (uint64_t)getpid() << 32) | 1;
    for (unsigned i = options->most_tries; i-- > 0;) {
        maker->tries[i].next_free = maker->free_tries;
        maker->free_tries = &maker->tries[i];
    }
    maker->client = http_client_new(&(struct http_client_options){
        .most_posts = options->most_tries,
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .timeout_ms = TIMEOUT_MS,
        .max_answer_bytes = MOST_ANSWER_BYTES,
        .ca_file = options->ca_file,
        .user_agent = "sms-gateway/" GATEWAY_VERSION,
        .may_connect = may_connect,
        .ended = ended,
        .context = maker,
    });
    if (maker->client)
        return maker;
    free(maker);
    return NULL;
}

void try_maker_free(struct try_maker *maker)
{
    if (!maker)
        return;
    http_client_free(maker->client);
    free(maker);
}

void try_run(struct try_maker *maker, int fd, int64_t timeout_ms)
{
    http_client_run(maker->client, fd, timeout_ms);
}

void try_wake(struct try_maker *maker)
{
    http_client_wake(maker->client);
}
