/* Writes frames to devices: structures to JSON text, appended to `out`. No state; any thread. */
#ifndef WS_BROKER_PROTOCOL_FRAME_WRITE_H
#define WS_BROKER_PROTOCOL_FRAME_WRITE_H

#include "common/base/buffer.h"
#include "ws-broker/protocol/frame.h"

void frame_write_connection_ack(struct buffer *out, const char *device_id);
void frame_write_new_sms(struct buffer *out, const struct message *message);
void frame_write_welcome(struct buffer *out, const char *device_id, int64_t session,
                         unsigned credit);
void frame_write_offer(struct buffer *out, const struct message *message);
/* Of FRAME_SENT_RELEASE, FRAME_SENT_DROP and FRAME_SENT_REVOKE, which have the same members. */
void frame_write_order(struct buffer *out, enum sent_frame_type type,
                       const struct message_ref *ref);
void frame_write_report_ack(struct buffer *out, int64_t seq);
void frame_write_sms_received_ack(struct buffer *out, const char *received_id);
/* An event of a polled device's stream, as server-sent events have it; `data` is JSON without line ends. */
void frame_write_event(struct buffer *out, enum sent_frame_type type, const char *data);
void frame_write_message_cancelled(struct buffer *out, const struct message_ref *ref);
void frame_write_error(struct buffer *out, const struct frame_problem *problem);

#endif
