/* What the core wants done, in order. The caller of the core carries it out after each event. One thread. */
#ifndef WS_BROKER_CORE_ACTION_QUEUE_H
#define WS_BROKER_CORE_ACTION_QUEUE_H

#include "ws-broker/core/session.h"

enum broker_action_type {
    BROKER_WRITE,  /* call broker_take_output when the connection can be written */
    BROKER_PAUSE,  /* stop reading from it */
    BROKER_RESUME, /* read again */
    BROKER_DROP,   /* end it without a close frame; broker_session_closed follows */
    BROKER_STORE,  /* submit `write`; broker_store_done follows */
    BROKER_POLL,   /* store_poll_work, on another thread; broker_polled follows */
};

struct broker_action {
    enum broker_action_type type;
    session_id session;        /* of all types but the last two */
    struct store_write *write; /* BROKER_STORE: borrowed from the core */
    struct store_work *work;   /* BROKER_POLL: borrowed too; one at a time */
};

/* Zero at first. */
struct action_queue {
    struct broker_action *actions;
    size_t first, count, capacity;
};

void action_queue_fini(struct action_queue *queue);

void action_queue_push(struct action_queue *queue, struct broker_action action);

/* An action of that type on the connection of a session. */
void action_queue_push_for(struct action_queue *queue, enum broker_action_type type,
                           const struct session *session);

/* Takes the oldest; false when the queue is empty. */
bool action_queue_take(struct action_queue *queue, struct broker_action *action);

#endif
