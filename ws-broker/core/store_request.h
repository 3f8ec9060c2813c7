/*
 * A write that the core has asked the store for, and its completion. The file that makes a request defines its kind, so
 * that the request and what follows from it stand side by side. One thread.
 */
#ifndef WS_BROKER_CORE_STORE_REQUEST_H
#define WS_BROKER_CORE_STORE_REQUEST_H

#include "ws-broker/core/action_queue.h"

struct broker;
struct store_request;

enum request_need { REQUEST_IS_NEEDED, REQUEST_HAS_TO_WAIT, REQUEST_IS_OBSOLETE };

struct request_kind {
    const char *name; /* in the log */
    enum store_verb verb;
    int64_t patience_us; /* of struct store_write */
    bool must_succeed;   /* retried until the store takes it; else it is done with its error */
    bool comes_again; /* the device repeats it: a full disk ends it, and so does the broker's end */

    /* After the commit or the failure: write.result says which. NULL: nothing follows. */
    void (*done)(struct broker *broker, struct store_request *request, int64_t now_ms);

    /* Whether it is to be tried, again or for the first time after store_request_submit_later. NULL: it is. */
    enum request_need (*need)(const struct broker *broker, const struct store_request *request);

    /* Frees what `write` and `context` own. NULL: nothing. */
    void (*release)(struct store_request *request);
};

struct store_request {
    struct store_write write;
    const struct request_kind *kind;
    session_id session; /* the session it is for; 0: none */
    void *context;      /* the kind's own */

    int64_t retry_at_ms;
    struct store_request *next; /* among those to retry */
};

enum {
    STORE_REQUEST_RETRY_MS = 1000,
    STORE_REQUEST_PATIENCE_US = 8000,          /* of what no device waits for */
    STORE_REQUEST_PATIENCE_TO_PHONE_US = 3000, /* of what is on the way to a device */
};

struct store_requests {
    struct action_queue *actions; /* submitted requests leave by this queue */
    struct store_request *retries;
    unsigned open; /* at the store or to be retried */
};

/* A zeroed request of that kind; the caller fills in `write`. */
struct store_request *store_request_new(const struct request_kind *kind, session_id session);

/* Passes the request to the store. */
void store_request_submit(struct store_requests *requests, struct store_request *request);

/* The same at a later tick, if it is needed then. */
void store_request_submit_later(struct store_requests *requests, struct store_request *request,
                                int64_t now_ms);

/* The store has finished or refused a write: it is completed and freed, or, unless `last_try`, kept for a retry if it must
   succeed. False for a retry. */
bool store_request_finish(struct store_requests *requests, struct store_write *write, bool last_try,
                          struct broker *broker, int64_t now_ms);

/* Submits those whose retry is due, and frees those that are not needed any more, in no particular order: no two are about the same message in a way that order
   matters to. */
void store_request_retry_due(struct store_requests *requests, const struct broker *broker,
                             int64_t now_ms);

/* Frees those that wait for a retry. */
void store_requests_fini(struct store_requests *requests);

#endif
