/* What a write leaves for other processes. */
#include "common/store/store_backend.h"

enum {
    MESSAGES = STORE_TOPIC_MESSAGES,
    WORK = STORE_TOPIC_WORK,
    BOTH = STORE_TOPIC_MESSAGES | STORE_TOPIC_WORK,
};

static unsigned when(bool condition, unsigned topics)
{
    return condition ? topics : 0;
}

static bool is_new(const struct store_idempotency *idempotency)
{
    return !idempotency || !idempotency->replayed;
}

unsigned store_write_topics(const struct store_write *write)
{
    switch (write->verb) {
    case STORE_ENQUEUE:
        return when(is_new(write->enqueue.idempotency), MESSAGES);
    case STORE_ENQUEUE_BATCH:
        return when(is_new(write->enqueue_batch.idempotency), MESSAGES);
    case STORE_RESEND:
        return when(is_new(write->resend.idempotency), MESSAGES);
    case STORE_SET_SENDING:
        return when(!write->set_sending.pause, MESSAGES);
    case STORE_CANCEL:
        return when(write->cancel.asked, WORK);
    case STORE_CANCEL_BATCH:
        return when(write->cancel_batch.asked > 0, WORK);
    case STORE_DEVICE_CONNECT:
        return when(write->connect.superseded_another || write->connect.quarantined, WORK);
    case STORE_COUNT_TAKEOVER:
        return when(write->count_takeover.quarantined, WORK);
    case STORE_PAIR:
    case STORE_CREATE_TOKEN:
        return WORK;
    case STORE_REVOKE_TOKEN:
        return when(write->revoke_token.changed, WORK);
    case STORE_CONFIGURE_DEVICE:
        return when(write->configure.changed, BOTH);
    case STORE_POLL_MESSAGES:
        return when(write->poll_messages.accepted > 0 || write->poll_messages.quarantined, BOTH);
    case STORE_REPORT_POLLED:
        return when(write->report_polled.changed > 0, BOTH);
    case STORE_NOTE_POLLED:
        return when(write->note_polled.changed || write->note_polled.quarantined, BOTH);
    case STORE_REVOKE_KEY:
        return when(write->revoke_key.changed, STORE_TOPIC_KEYS);
    default:
        return 0;
    }
}
