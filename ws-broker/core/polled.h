/*
 * The conversation with a polled device (PROTOCOL.md, "Polled devices"). Its connection is a stream of events, each of which
 * tells it to fetch something by REST; it says nothing on it. To the store it is an assured device whose journal is its
 * registration: a message is `dispatched`, the device is told, its request accepts the message, and it reports by other
 * requests. These are answered by api-fcgi, so the broker learns of them from the events of the messages.
 *
 * Of several streams of a device the newest is its session; the others stay open and are told nothing, because the app opens
 * one more now and then, and opens both again when one is closed.
 */
#ifndef WS_BROKER_CORE_POLLED_H
#define WS_BROKER_CORE_POLLED_H

#include "ws-broker/core/session.h"

struct broker;

/* A stream has begun; it has ended. */
void polled_began(struct broker *broker);
void polled_ended(struct broker *broker);

/* It has opened another stream, which has its messages from now on. */
void polled_set_aside(struct broker *broker, struct session *session, int64_t now_ms);

/* Closes the streams of the device that were set aside. */
void polled_close_aside(struct broker *broker, const char *device_id, enum error error,
                        int64_t now_ms);

/* Its presence is committed: what the store has of it, and what it has not fetched yet. */
void polled_restore(struct broker *broker, struct session *session,
                    const struct store_connect_device *connect, int64_t now_ms);
void polled_greet(struct broker *broker, struct session *session,
                  const struct store_connect_device *connect, int64_t now_ms);

/* Messages wait for it. It is told once until it has fetched them: each event cancels a request of the app under way. */
void polled_tell(struct broker *broker, struct session *session, int64_t now_ms);

/* Offers that were not fetched return to the queue. */
void polled_tick(struct broker *broker, struct session *session, int64_t now_ms);

/*
 * What has happened to messages, perhaps to some of polled devices; also by this broker itself, and perhaps again.
 *
 * It may be seen before the answer of the claim, or of the connect, that brings a message, because the device asked the API
 * meanwhile: work_look_again, after such an answer, has those events read once more.
 */
void polled_moved(struct broker *broker, const struct store_event_page *moves, int64_t now_ms);

#endif
