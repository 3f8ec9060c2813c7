#include "ws-broker/core/token_revocation.h"

#include "common/base/log.h"
#include "ws-broker/core/broker_state.h"
#include "ws-broker/core/close.h"
#include "ws-broker/core/polled.h"

#include <string.h>

void token_revocation_found(struct broker *broker, const struct store_revoked_device *device,
                            int64_t now_ms)
{
    struct session *session = session_table_current(&broker->sessions, device->device_id);
    enum error error = device->revocation == DEVICE_TOKEN_QUARANTINED ? ERROR_DEVICE_QUARANTINED
                                                                      : ERROR_DEVICE_REVOKED;
    if (!session || session->connection_epoch != device->connection_epoch)
        return;
    if (session->protocol->is_polled)
        polled_close_aside(broker, device->device_id, error, now_ms);
    close_session(broker, session, error, now_ms);
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
