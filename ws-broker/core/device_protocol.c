#include "ws-broker/core/device_protocol.h"
#include "ws-broker/protocol/frame_write.h"

#include "common/model/protocol.h"

#include <string.h>

static int64_t report_timeout_ms(const struct broker_options *options)
{
    return options->report_timeout_ms;
}

static int64_t ack_timeout_ms(const struct broker_options *options)
{
    return options->ack_timeout_ms;
}

static void write_connection_ack(struct buffer *out, const char *device_id,
                                 int64_t connection_epoch, unsigned credit)
{
    (void)connection_epoch, (void)credit;
    frame_write_connection_ack(out, device_id);
}

static void write_revoke(struct buffer *out, const struct message_ref *ref)
{
    frame_write_order(out, FRAME_SENT_REVOKE, ref);
}

const struct device_protocol device_protocol_basic = {
    .name = "basic",
    .subprotocol = "",
    .stages = {[PHASE_GREETING] = STAGE_BASIC_INFO, [PHASE_CONNECTED] = STAGE_BASIC},
    .has_journal = false,
    .flushes_at_drain = true,
    .answer_timeout_ms = report_timeout_ms,
    .greeting = FRAME_SENT_CONNECTION_ACK,
    .write_greeting = write_connection_ack,
    .message = FRAME_SENT_NEW_SMS,
    .write_message = frame_write_new_sms,
};

const struct device_protocol device_protocol_assured = {
    .name = "assured",
    .subprotocol = PROTOCOL_ASSURED,
    .stages = {[PHASE_GREETING] = STAGE_HELLO,
               [PHASE_JOURNAL] = STAGE_JOURNAL,
               [PHASE_CONNECTED] = STAGE_ASSURED},
    .has_journal = true,
    .flushes_at_drain = false,
    .answer_timeout_ms = ack_timeout_ms,
    .cancel = FRAME_SENT_REVOKE,
    .write_cancel = write_revoke,
    .greeting = FRAME_SENT_WELCOME,
    .write_greeting = frame_write_welcome,
    .message = FRAME_SENT_OFFER,
    .write_message = frame_write_offer,
};

const struct device_protocol device_protocol_polled = {
    .name = "polled",
    .has_journal = true,
    .is_polled = true,
    .answer_timeout_ms = ack_timeout_ms,
    .cancel = FRAME_SENT_MESSAGE_CANCELLED,
    .write_cancel = frame_write_message_cancelled,
};

const struct device_protocol *device_protocol_find(const char *subprotocol)
{
    static const struct device_protocol *const protocols[] = {&device_protocol_basic,
                                                              &device_protocol_assured};
    for (size_t i = 0; i < ARRAY_LENGTH(protocols); i++) {
        if (strcmp(protocols[i]->subprotocol, subprotocol) == 0)
            return protocols[i];
    }
    return NULL;
}
