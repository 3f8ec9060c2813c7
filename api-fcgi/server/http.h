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
    struct store_reader *reader; /* of the worker that is at it; not while parked */
    unsigned scopes;             /* that the request's key has, of enum api_scope */
    char key_id[SECRET_ID_SIZE]; /* "" where none is needed */
    int64_t key_daily_messages;  /* that key's limit; 0: none */
    size_t route;                /* index into the route table, for the metrics */
    int64_t arrived_at_us;       /* monotonic; likewise */
    bool more_follow;            /* its worker has further requests already */

    const struct message_id *message_id; /* that the next problem is about; NULL: none */
    int64_t retry_after_s; /* for the next problem; 0: nothing, or a default where it is ours */
    struct buffer field_errors; /* JSON, for the next problem */
    int field_error_count;

    /* A parked exchange waits for this write, and `resume` then answers. */
    struct store_write write;
    void (*resume)(struct http_exchange *exchange);
    void (*wake)(struct http_exchange *exchange);
    struct http_exchange
        *next_waiting; /* among those that wait for the same; not for an own write */
    /* One that may take long (slow_reads.h): what answers it, and when it is its turn. */
    enum http_outcome (*handle)(struct http_exchange *exchange);
    unsigned turn;
    struct message message; /* what the write is about */
    bool verbose;           /* /readyz shall list its checks */

    char token[SECRET_TEXT_SIZE]; /* of a phone that pairs, until it is answered */
};

/* Once, before the first request; `wake` is the server's to fill in: it takes a
   parked exchange from any thread; a worker calls its `resume` later. */
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

/*
 * The next name=value of a query string: decodes it into the two texts, moves *query past it.
 * False at the end. `*good` is false when it is not valid: a bad escape, U+0000, invalid UTF-8, or
 * a text too long for its place; `name` is then readable as far as it goes.
 */
bool http_next_parameter(const char **query, char *name, size_t name_size, char *value,
                         size_t value_size, bool *good);

#endif
