#include "ws-broker/core/store_request.h"

#include "common/base/log.h"
#include "ws-broker/core/allocation.h"

#include <stdlib.h>

struct store_request *store_request_new(const struct request_kind *kind, session_id session)
{
    struct store_request *request = allocation_check(calloc(1, sizeof(*request)));
    request->kind = kind;
    request->write.verb = kind->verb;
    request->write.patience_us = kind->patience_us;
    request->session = session;
    return request;
}

static void free_request(struct store_request *request)
{
    if (request->kind->release)
        request->kind->release(request);
    free(request);
}

void store_request_submit(struct store_requests *requests, struct store_request *request)
{
    requests->open++;
    action_queue_push(requests->actions,
                      (struct broker_action){.type = BROKER_STORE, .write = &request->write});
}

static void retry_later(struct store_requests *requests, struct store_request *request,
                        int64_t now_ms)
{
    request->retry_at_ms = now_ms + STORE_REQUEST_RETRY_MS;
    request->next = requests->retries;
    requests->retries = request;
}

void store_request_submit_later(struct store_requests *requests, struct store_request *request,
                                int64_t now_ms)
{
    requests->open++;
    retry_later(requests, request, now_ms);
}

/* Whether the result is the store's answer to the request, and not its failure. */
static bool is_answered(const struct store_request *request)
{
    enum error result = request->write.result;
    bool is_full = result == ERROR_DISK_FULL || result == ERROR_WAL_FULL;
    return result == ERROR_NONE || result == ERROR_MESSAGE_NOT_HELD ||
           (is_full && request->kind->comes_again);
}

static bool has_failed(const struct store_request *request)
{
    return request->kind->must_succeed && !is_answered(request);
}

bool store_request_finish(struct store_requests *requests, struct store_write *write, bool last_try,
                          struct broker *broker, int64_t now_ms)
{
    struct store_request *request = CONTAINER_OF(write, struct store_request, write);
    bool failed = has_failed(request);
    if (failed && !last_try) {
        retry_later(requests, request, now_ms);
        return false;
    }
    if (failed && !request->kind->comes_again)
        log_error("change lost: the database refused it until the broker ended",
                  LOG_TEXT("request", request->kind->name),
                  LOG_TEXT("reason", error_code(write->result)));
    requests->open--;
    if (request->kind->done)
        request->kind->done(broker, request, now_ms);
    free_request(request);
    return true;
}

static enum request_need need_of(const struct broker *broker, const struct store_request *request,
                                 int64_t now_ms)
{
    if (request->retry_at_ms > now_ms)
        return REQUEST_HAS_TO_WAIT;
    return request->kind->need ? request->kind->need(broker, request) : REQUEST_IS_NEEDED;
}

void store_request_retry_due(struct store_requests *requests, const struct broker *broker,
                             int64_t now_ms)
{
    for (struct store_request **link = &requests->retries; *link;) {
        struct store_request *request = *link;
        enum request_need need = need_of(broker, request, now_ms);
        if (need == REQUEST_HAS_TO_WAIT) {
            link = &request->next;
            continue;
        }
        *link = request->next;
        requests->open--;
        if (need == REQUEST_IS_NEEDED)
            store_request_submit(requests, request);
        else
            free_request(request);
    }
}

void store_requests_fini(struct store_requests *requests)
{
    while (requests->retries) {
        struct store_request *request = requests->retries;
        requests->retries = request->next;
        free_request(request);
    }
}
