/* Phones whose token has ended, and tokens that two phones use. */
#include "ws-broker/core/broker_core.h"

#include "common/base/log.h"

#include <stdlib.h>
#include <string.h>

enum {
    MOST_DISMISSED = 256,
    DISMISS_MS = 1500, /* between two searches, when nobody rings: every second tick */
};

/* ---- What an operator has ended ---- */

static void search_dismissed(struct broker *broker, const char *after)
{
    struct job *job = job_new(STORE_FIND_REVOKED_TOKENS, 0);
    job->write.find_revoked_tokens.broker = broker->options.instance;
    strcpy(job->write.find_revoked_tokens.after, after);
    job->write.find_revoked_tokens.capacity = MOST_DISMISSED;
    job->write.find_revoked_tokens.devices = broker_must(
        calloc(MOST_DISMISSED, sizeof(*job->write.find_revoked_tokens.devices)));
    broker->dismissing = true;
    job_submit(broker, job);
}

void broker_find_dismissed(struct broker *broker, int64_t now_ms)
{
    broker->dismiss_at_ms = now_ms + DISMISS_MS;
    if (!broker->dismissing && !broker->draining)
        search_dismissed(broker, "");
}

void broker_find_dismissed_done(struct broker *broker, struct job *job, int64_t now_ms)
{
    const struct store_write *write = &job->write;
    size_t count = write->result == ERROR_NONE ? write->find_revoked_tokens.count : 0;
    broker->dismissing = false;
    for (size_t i = 0; i < count; i++) {
        const struct store_revoked_device *device = &write->find_revoked_tokens.devices[i];
        struct session *session = session_table_current(&broker->sessions, device->device_id);
        if (session && session->connection_epoch == device->session)
            broker_close_session(broker, session,
                                 device->end == DEVICE_TOKEN_QUARANTINED ? ERROR_DEVICE_QUARANTINED
                                                                         : ERROR_DEVICE_REVOKED,
                                 now_ms);
    }
    if (count == MOST_DISMISSED && !broker->draining)
        search_dismissed(broker, write->find_revoked_tokens.devices[count - 1].device_id);
}

/* ---- Tokens that two phones use ---- */

void broker_quarantined(struct broker *broker, const char *device_id, const char *token_id,
                        const char *evidence, int64_t now_ms)
{
    struct session *session = session_table_current(&broker->sessions, device_id);
    log_error("two phones use one device token; it is quarantined",
              LOG_TEXT("device_id", device_id), LOG_TEXT("token", token_id),
              LOG_TEXT("evidence", evidence));
    if (session && strcmp(session->token_id, token_id) == 0)
        broker_close_session(broker, session, ERROR_DEVICE_QUARANTINED, now_ms);
}

/* A connection that was replaced has answered the close frame: its phone was there while another
   connection was opened. */
void broker_session_answered_close(struct broker *broker, session_id id)
{
    struct session *session = session_table_find(&broker->sessions, id);
    if (!session || session->close_error != ERROR_REPLACED || !*session->token_id)
        return;
    log_warning("a connection was taken over while its phone was there",
                LOG_TEXT("device_id", session->device_id), LOG_TEXT("token", session->token_id));
    struct job *job = job_new(STORE_COUNT_TAKEOVER, 0);
    strcpy(job->write.count_takeover.device_id, session->device_id);
    strcpy(job->write.count_takeover.token_id, session->token_id);
    job_submit(broker, job);
}

void broker_count_takeover_done(struct broker *broker, const struct store_write *write,
                                int64_t now_ms)
{
    if (write->result == ERROR_NONE && write->count_takeover.quarantined)
        broker_quarantined(broker, write->count_takeover.device_id, write->count_takeover.token_id,
                           "living connections take over from each other", now_ms);
}
