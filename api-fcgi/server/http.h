/*
 * One HTTP request and its answer, without a word of FastCGI.
 *
 * An exchange belongs to one thread at a time: a worker handles it and either answers or parks it;
 * a parked exchange belongs to whoever it waits for until http_resume, and then to a worker again.
 */
#ifndef API_FCGI_SERVER_HTTP_H
#define API_FCGI_SERVER_HTTP_H

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/store/store.h"

struct api;
struct worker;

enum {
    HTTP_MAX_RESPONSE_BYTES = 32 << 20, /* lists end their pages before it */
    HTTP_DETAIL_SIZE = 300,
};

struct http_request {
    const char *method;
    const char *path;             /* decoded by nginx; routes go by it alone */
    const char *query;            /* raw, without "?" */
    const char *content_type;     /* "" without one */
    const char *authorization;    /* the header; "" without one */
    const char *content_encoding; /* "" without one */
    const char
        *header_twice; /* one of those of the body that the client sent more than once; or NULL */
    bool body_cut;     /* the body is over the limit, or not as long as announced */
    bool body_lost;    /* there was no memory for it */
    struct buffer body;
    const char *request_id;    /* nginx's; "" without one */
    const char *path_argument; /* what stands for {...} in the route; inside `path` */
};

struct http_response {
    int status;
    const char *content_type;
    struct buffer headers; /* further lines, each with its CRLF */
    struct buffer body;
};

/* Whether a handler has answered. A parked exchange is no longer the handler's to touch. */
enum http_outcome { HTTP_ANSWERED, HTTP_PARKED };

struct http_exchange {
    struct http_request request;
    struct http_response response;
    struct api *api;
    size_t route;          /* index in api->routes, for the metrics */
    int64_t arrived_at_us; /* monotonic */

    /* Of the thread that handles it; not valid while it is parked. */
    const struct worker *worker; /* NULL: not a worker (slow_reads.h) */
    struct store_reader *reader;

    /* Of the request's API key. */
    unsigned scopes;             /* enum api_scope */
    char key_id[SECRET_ID_SIZE]; /* "" where no key is needed */
    int64_t key_daily_messages;  /* 0: no limit */

    /* For the next problem. */
    struct {
        const struct message_id *message_id; /* the message that it is about, or NULL */
        int64_t retry_after_s;               /* 0: none, or the default of its status */
        struct buffer errors;                /* JSON, separated by commas */
        int error_count;
    } problem;

    /* The handler's, from its first step until the answer is sent. `release` frees what it owns; or NULL. */
    union handler_state *state; /* handlers/handlers.h */
    void (*release)(struct http_exchange *exchange);

    /* A parked exchange waits, usually for this write; then `resume` answers on a worker. */
    struct store_write write;
    void (*resume)(struct http_exchange *exchange);
    void (*wake)(struct http_exchange *exchange); /* any thread: have a worker call `resume` */
    struct http_exchange *next_waiting;           /* in a list of readiness.c or slow_reads.c */
    struct {
        enum http_outcome (*handle)(struct http_exchange *exchange);
        unsigned turn;
    } slow_read; /* slow_reads.c */
};

/* Once, before the first request. `wake` and `state` are the server's to fill in. */
void http_exchange_init(struct http_exchange *exchange, struct api *api);
void http_exchange_fini(struct http_exchange *exchange);

/* Makes it ready for the next request; keeps the buffers' memory. */
void http_exchange_reset(struct http_exchange *exchange);

/* Starts a JSON answer: write the body into `response.body`. */
void http_begin_json(struct http_exchange *exchange, int status);

void http_add_header(struct http_exchange *exchange, const char *name, const char *format, ...)
    PRINTF_FORMAT(3, 4);

/* The phrase that goes with a status (RFC 9110, 15), for those there are here. */
const char *http_reason(int status);

/*
 * Answers with problem+json (RFC 9457), with the field errors added before. `detail` says what
 * happened and what to change.
 */
enum http_outcome http_problem(struct http_exchange *exchange, enum error error, const char *detail,
                               ...) PRINTF_FORMAT(3, 4);

/* The problem of a write or read that failed: only the database's own troubles come here. It says that
   nothing was changed, or (ERROR_OUTCOME_UNKNOWN) that this is not known. */
enum http_outcome http_store_problem(struct http_exchange *exchange, enum error error);

/*
 * Adds to the next problem's `errors`: a member of the body by its JSON pointer (RFC 6901; "" is the
 * whole body), a parameter of the query by its name, or a check of the gateway's. One answer names the
 * first twenty.
 */
void http_add_field_error(struct http_exchange *exchange, const char *pointer, enum error error,
                          const char *detail, ...) PRINTF_FORMAT(4, 5);
void http_add_parameter_error(struct http_exchange *exchange, const char *name, enum error error,
                              const char *detail, ...) PRINTF_FORMAT(4, 5);
void http_add_check_error(struct http_exchange *exchange, const char *check, enum error error,
                          const char *detail, ...) PRINTF_FORMAT(4, 5);
bool http_has_field_errors(const struct http_exchange *exchange);

/*
 * Submits `exchange->write` and parks: `resume` runs on a worker when it is done, and answers.
 * Where the store takes no more, it answers at once.
 */
enum http_outcome http_park(struct http_exchange *exchange,
                            void (*resume)(struct http_exchange *exchange));

#endif
