/* What is old is removed, a little at a time. */
#include "ws-broker/core/broker_core.h"

#include "common/base/log.h"

enum {
    LOOK_MS = 60000, /* between two looks for what has become old */
    AGAIN_MS = 250,  /* between two pieces of it: phones and clients come first */
    PIECE = 100,     /* of texts, and of messages: some milliseconds */
};

void broker_purge(struct broker *broker, int64_t now_ms, int64_t wall_ms)
{
    const struct broker_options *options = &broker->options;
    if (options->text_retention_ms == 0 && options->message_retention_ms == 0)
        return;
    /* A clock that is ahead would make everything old. */
    if (now_ms < broker->purge_at_ms || now_ms < broker->trust_clock_at_ms || broker->draining)
        return;
    broker->purge_at_ms = now_ms + LOOK_MS;
    struct job *job = job_new(STORE_PURGE, 0);
    if (options->text_retention_ms > 0)
        job->write.purge.text_before_ms = wall_ms - options->text_retention_ms;
    if (options->message_retention_ms > 0)
        job->write.purge.message_before_ms = wall_ms - options->message_retention_ms;
    job->write.purge.limit = PIECE;
    job_submit(broker, job);
}

void broker_purge_done(struct broker *broker, const struct store_write *write, int64_t now_ms)
{
    if (write->result != ERROR_NONE)
        return; /* there will be another time */
    if (write->purge.more) {
        broker->purge_at_ms = now_ms + AGAIN_MS;
        broker->wake_ms = MIN(broker->wake_ms, broker->purge_at_ms);
    }
    if (write->purge.texts > 0 || write->purge.messages > 0)
        log_debug("old texts and messages are removed", LOG_NUMBER("texts", write->purge.texts),
                  LOG_NUMBER("messages", write->purge.messages));
}
