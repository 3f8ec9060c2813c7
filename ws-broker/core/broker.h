/*
 * The broker core: events in, actions out.
 *
 * It makes all decisions about devices and messages and carries out none: no sockets, no store, no clock. ws_server.c brings
 * it the events and carries out its actions; a test does the same without anything behind it. Times are monotonic
 * milliseconds and never go back. All on the loop thread.
 *
 * Its promises:
 * - A frame with a message is written only after the store has committed that the message is that device's: `dispatched`
 *   before an offer, `accepted` before a release and before a basic device's frame.
 * - A message that cannot have been sent is returned to the queue when the connection ends.
 * - A report is never lost while the broker lives, and is acknowledged after its commit.
 * - An incoming SMS is acknowledged after its commit; the device repeats it until then.
 *
 * Inside, each conversation is a file: connect, offer, report, incoming, cancel, close, dispatch, return_to_queue, work, token_revocation,
 * housekeeping. A conversation makes requests to the store (store_request.h) and completes them itself.
 */
#ifndef WS_BROKER_CORE_BROKER_H
#define WS_BROKER_CORE_BROKER_H

#include "ws-broker/core/action_queue.h"
#include "ws-broker/core/broker_options.h"
#include "ws-broker/core/device_protocol.h"
#include "ws-broker/core/session.h"

struct broker;

/* NULL without memory. */
struct broker *broker_new(const struct broker_options *options, int64_t now_ms);

/* All writes, and the poll, must have come back from the store. */
void broker_free(struct broker *broker);

/* ---- Events ---- */

/* Whether another device may connect: ERROR_NONE, ERROR_TOO_MANY_PHONES or the drain reason. */
enum error broker_check_admission(const struct broker *broker);

/* A device has connected, with a valid device id; *id names its session. Its token was checked; only the token's id comes
   here, and the store checks again that it is active before the device is greeted. "": no token is needed. False when no
   device is admitted, or without memory: no session was opened. */
MUST_CHECK bool broker_session_opened(struct broker *broker, const char *device_id,
                                      const char *token_id, const struct device_protocol *protocol,
                                      int64_t now_ms, session_id *id);

/* The same of a polled device, by its stream. Its journal is its registration (device_token_journal). */
MUST_CHECK bool broker_stream_opened(struct broker *broker, const char *device_id,
                                     const char *token_id, const struct message_id *journal,
                                     int64_t now_ms, session_id *id);

/* Whether the core takes more from the device now: not after BROKER_PAUSE. */
bool broker_session_is_read(const struct broker *broker, session_id id);

/* A whole text message; `text[length]` is NUL. */
void broker_session_received(struct broker *broker, session_id id, const char *text, size_t length,
                             int64_t now_ms);

/* Any bytes from the device: a sign of life. */
void broker_session_alive(struct broker *broker, session_id id, int64_t now_ms);

/* Bytes from the device made that much work: one unit for each read, each WebSocket frame and each KiB. A device that makes
   too much is not read from for a while. */
void broker_session_worked(struct broker *broker, session_id id, double work, int64_t now_ms);

/* The device has answered our close frame with the same code. */
void broker_session_answered_close(struct broker *broker, session_id id);

/* The connection broke a rule below the frames (binary, too large, against RFC 6455): it is closed. */
void broker_session_violated(struct broker *broker, session_id id, enum error error,
                             int64_t now_ms);

/* The connection is gone: nothing can be written any more. True when what the device sent before, and was not read yet, is
   to be read: its reports count. broker_session_closed follows. */
MUST_CHECK bool broker_session_leaves(struct broker *broker, session_id id, int64_t now_ms);

/* The connection is gone, and nothing is left to read. No action names the id from now on. */
void broker_session_closed(struct broker *broker, session_id id, int64_t now_ms);

/* The store has finished, or refused, a write that BROKER_STORE gave it. */
void broker_store_done(struct broker *broker, struct store_write *write, int64_t now_ms);

/* store_poll_work, which BROKER_POLL asked for, has ended with that result, or could not begin. */
void broker_polled(struct broker *broker, enum error result, int64_t now_ms);

/* The store may have new messages, cancel requests or revoked tokens. */
void broker_doorbell(struct broker *broker, int64_t now_ms);

/* Processes of other nodes have committed something: `topics` of enum store_topic. */
void broker_notified(struct broker *broker, unsigned topics, int64_t now_ms);

/* Time passes: at least once a second, and when broker_wake_ms says so. */
void broker_tick(struct broker *broker, int64_t now_ms, int64_t wall_ms);

/* The program is to end or to restart: no more messages are dispatched, what is queued is written, devices are told the
   drain reason (ERROR_SHUTTING_DOWN, ERROR_RESTARTING), and their reports are taken until they have left. */
void broker_drain(struct broker *broker, enum error drain_reason, int64_t now_ms);

/* ---- Actions ---- */

/* The next action; false when there is none. To be called after each event until then. */
bool broker_next_action(struct broker *broker, struct broker_action *action);

/* What to write on a connection that can be written; to be called until OUTPUT_NOTHING, or until the connection is full. A
   frame is appended to `frame`; for OUTPUT_CLOSE *close_error is the reason. */
enum session_output broker_take_output(struct broker *broker, session_id id, int64_t now_ms,
                                       struct buffer *frame, enum error *close_error);

/* When the next tick is due at the latest. */
int64_t broker_wake_ms(const struct broker *broker);

/* Whether a drain has ended: no session is open, no write is at the store, no poll runs. */
bool broker_is_drained(const struct broker *broker);

#endif
