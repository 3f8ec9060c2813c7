/* Phones whose token has ended, and tokens that two phones use. */
#include "broker_core.h"

#include "../common/log.h"

#include <stdlib.h>
#include <string.h>

enum {
    MOST_DISMISSED = 256,
    DISMISS_MS = 1500,          /* between two searches, when nobody rings: every second tick */
    RIVALS_MS = 10 * 60 * 1000, /* takeovers further apart have nothing to do with each other */
    MOST_RIVALS = 3,
};

/* ---- What an operator has ended ---- */

static void search_dismissed(struct broker *broker, const char *after)
{
    struct job *job = job_new(STORE_FIND_DISMISSED, 0);
    job->write.find_dismissed.broker = broker->options.instance;
    strcpy(job->write.find_dismissed.after, after);
    job->write.find_dismissed.capacity = MOST_DISMISSED;
    job->write.find_dismissed.devices = broker_must(
        calloc(MOST_DISMISSED, sizeof(*job->write.find_dismissed.devices)));
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
    size_t count = write->result == ERROR_NONE ? write->find_dismissed.count : 0;
    broker->dismissing = false;
    for (size_t i = 0; i < count; i++) {
        const struct store_dismissed_device *device = &write->find_dismissed.devices[i];
        struct session *session = session_table_current(&broker->sessions, device->device_id);
        if (session && session->number == device->session)
            broker_close_session(broker, session,
                                 device->end == DEVICE_TOKEN_QUARANTINED ? ERROR_DEVICE_QUARANTINED
                                                                         : ERROR_DEVICE_REVOKED,
                                 now_ms);
    }
    if (count == MOST_DISMISSED && !broker->draining)
        search_dismissed(broker, write->find_dismissed.devices[count - 1].device_id);
}

/* ---- Tokens that two phones use ---- */

/*
 * A connection that was replaced has answered the close frame, so another phone than the one that took
 * over is alive, or another part of it. An honest phone leaves it at that. Where they go on taking over
 * from each other, somebody has a copy of the token, and nobody can tell which is the owner's.
 */
void broker_session_answered_close(struct broker *broker, session_id id, int64_t now_ms)
{
    struct session *session = session_table_find(&broker->sessions, id);
    if (!session || session->close_error != ERROR_REPLACED)
        return;
    struct session *current = session_table_current(&broker->sessions, session->device_id);
    if (!current || !*current->token_id || strcmp(current->token_id, session->token_id) != 0)
        return;
    if (now_ms - current->rivals_at_ms > RIVALS_MS)
        current->rivals = 0;
    current->rivals_at_ms = now_ms;
    if (++current->rivals < MOST_RIVALS)
        return;
    log_error("two phones use one device token; it is quarantined",
              LOG_TEXT("device_id", current->device_id), LOG_TEXT("token", current->token_id));
    struct job *job = job_new(STORE_END_TOKEN, 0);
    strcpy(job->write.end_token.device_id, current->device_id);
    strcpy(job->write.end_token.token_id, current->token_id);
    job->write.end_token.end = DEVICE_TOKEN_QUARANTINED;
    job_submit(broker, job);
    broker_close_session(broker, current, ERROR_DEVICE_QUARANTINED, now_ms);
}
