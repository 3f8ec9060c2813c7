#include "ws-broker/core/token_revocation.h"

#include "common/base/log.h"
#include "ws-broker/core/allocation.h"
#include "ws-broker/core/broker_state.h"
#include "ws-broker/core/close.h"

#include <stdlib.h>
#include <string.h>

enum {
    MAX_FOUND = 256,           /* devices in one search */
    SEARCH_INTERVAL_MS = 1500, /* without the doorbell: at every second tick */
};

/* ---- Revoked tokens ---- */

static void start_search(struct broker *broker, const char *after);

static void on_found(struct broker *broker, struct store_request *request, int64_t now_ms)
{
    const struct store_write *write = &request->write;
    size_t count = write->result == ERROR_NONE ? write->find_revoked_tokens.count : 0;
    broker->token_revocation.searching = false;
    for (size_t i = 0; i < count; i++) {
        const struct store_revoked_device *device = &write->find_revoked_tokens.devices[i];
        struct session *session = session_table_current(&broker->sessions, device->device_id);
        if (session && session->connection_epoch == device->connection_epoch)
            close_session(broker, session,
                          device->end == DEVICE_TOKEN_QUARANTINED ? ERROR_DEVICE_QUARANTINED
                                                                  : ERROR_DEVICE_REVOKED,
                          now_ms);
    }
    if (count == MAX_FOUND && !broker->drain.active)
        start_search(broker, write->find_revoked_tokens.devices[count - 1].device_id);
}

static void release_search(struct store_request *request)
{
    free(request->write.find_revoked_tokens.devices);
}

static const struct request_kind search_kind = {
    .name = "find revoked tokens",
    .verb = STORE_FIND_REVOKED_TOKENS,
    .done = on_found,
    .release = release_search,
};

static void start_search(struct broker *broker, const char *after)
{
    struct store_request *request = store_request_new(&search_kind, 0);
    struct store_write *write = &request->write;
    write->find_revoked_tokens.broker = broker->options.instance;
    strcpy(write->find_revoked_tokens.after, after);
    write->find_revoked_tokens.capacity = MAX_FOUND;
    write->find_revoked_tokens.devices = allocation_check(
        calloc(MAX_FOUND, sizeof(*write->find_revoked_tokens.devices)));
    broker->token_revocation.searching = true;
    store_request_submit(&broker->requests, request);
}

void token_revocation_search(struct broker *broker, int64_t now_ms)
{
    broker->token_revocation.search_at_ms = now_ms + SEARCH_INTERVAL_MS;
    if (!broker->token_revocation.searching && !broker->drain.active)
        start_search(broker, "");
}

void token_revocation_search_if_due(struct broker *broker, int64_t now_ms)
{
    if (now_ms >= broker->token_revocation.search_at_ms)
        token_revocation_search(broker, now_ms);
}

/* ---- Tokens that two phones use ---- */

void token_revocation_quarantined(struct broker *broker, const char *device_id,
                                  const char *token_id, const char *evidence, int64_t now_ms)
{
    struct session *session = session_table_current(&broker->sessions, device_id);
    log_error("two phones use one device token: token quarantined",
              LOG_TEXT("device_id", device_id), LOG_TEXT("token", token_id),
              LOG_TEXT("evidence", evidence));
    if (session && strcmp(session->token_id, token_id) == 0)
        close_session(broker, session, ERROR_DEVICE_QUARANTINED, now_ms);
}

static void on_takeover_counted(struct broker *broker, struct store_request *request,
                                int64_t now_ms)
{
    const struct store_write *write = &request->write;
    if (write->result == ERROR_NONE && write->count_takeover.quarantined)
        token_revocation_quarantined(broker, write->count_takeover.device_id,
                                     write->count_takeover.token_id,
                                     "living connections take over from each other", now_ms);
}

static const struct request_kind takeover_kind = {
    .name = "count takeover",
    .verb = STORE_COUNT_TAKEOVER,
    .must_succeed = true,
    .done = on_takeover_counted,
};

void token_revocation_count_takeover(struct broker *broker, const struct session *session)
{
    if (session->close_error != ERROR_REPLACED || !*session->token_id)
        return;
    log_warning("connection taken over while its device was still connected",
                LOG_TEXT("device_id", session->device_id), LOG_TEXT("token", session->token_id));
    struct store_request *request = store_request_new(&takeover_kind, 0);
    strcpy(request->write.count_takeover.device_id, session->device_id);
    strcpy(request->write.count_takeover.token_id, session->token_id);
    store_request_submit(&broker->requests, request);
}
