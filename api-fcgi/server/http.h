/*
 * One HTTP request and its response, independent of FastCGI.
 *
 * An exchange belongs to one thread at a time. A worker handles it and either answers or parks it. A
 * parked exchange belongs to what it waits for, until `wake`; then to a worker again, which calls `resume`.
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
    HTTP_MAX_RESPONSE_BYTES = 32 << 20, /* the pages of lists are smaller */
    HTTP_MAX_FIELD_ERRORS = 20,         /* of a problem; further ones are only counted */
    HTTP_DETAIL_SIZE = 300,
    HTTP_ARGUMENT_SIZE = 128, /* longer than any id */
};

/* A parameter or header that is missing is "". */
struct http_request {
    const char *method;
    const char *path;  /* decoded by nginx */
    const char *query; /* not decoded, without "?" */
    const char *content_type;
    const char *authorization;
    const char *content_encoding;
    const char *cookie;
    const char *from_dashboard; /* X-Sms-Gateway */
    const char *fetch_site;     /* Sec-Fetch-Site */
    const char *origin;
    const char *host;
    const char *https;           /* "on": nginx got it by TLS */
    const char *idempotency_key; /* NULL: missing, because an empty one is refused */
    const char *repeated_header; /* one that this struct has, if sent more than once; else NULL */
    /* Only where is_smsgate; NULL: missing. The address of the client, User-Agent, X-Signature, X-Timestamp. */
    const char *remote_address, *user_agent, *signature, *timestamp;
    bool is_csv;    /* the body, as body_check.h found it */
    bool body_cut;  /* the body is not as long as announced */
    bool body_lost; /* there was no memory for it */
    struct buffer body;
    const char *request_id;                 /* from nginx */
    char path_argument[HTTP_ARGUMENT_SIZE]; /* the segment of `path` that matches {...} in the
                                               route, cut; "" without one */
};

struct http_response {
    int status;
    const char *content_type;
    struct buffer headers; /* further header lines, each with its CRLF */
    struct buffer body;
};

/* What a member is in, that http_add_field_error names. */
enum http_member_source {
    HTTP_IN_BODY,  /* of JSON: named by its pointer */
    HTTP_IN_QUERY, /* a parameter: by its name */
    HTTP_IN_CSV,   /* a cell: by its line and column */
};

/* What a handler returns. It must not touch an exchange that it has parked. */
enum http_outcome { HTTP_ANSWERED, HTTP_PARKED };

struct http_exchange {
    struct http_request request;
    struct http_response response;
    struct api *api;
    size_t route; /* index in api->routes, for the metrics */
    bool
        is_smsgate; /* the path is one of SMSGate's (router.h): problems are {"message"}, and what is
                              unknown or null in a body or query counts as left out */
    int64_t arrived_at_us; /* monotonic */

    /* Of the thread that handles it; not valid while it is parked. */
    const struct worker *worker; /* NULL: not a worker (slow_reads.h) */
    struct store_reader *reader;

    /* Of the request's API key. */
    unsigned scopes;             /* enum api_scope */
    char key_id[SECRET_ID_SIZE]; /* "" where no key is needed */
    int64_t key_daily_messages;  /* 0: no limit */
    bool key_ignores_opt_out;

    /* The header Idempotency-Key (idempotency.h); `request` is valid with `any`. */
    struct {
        bool any;
        struct store_idempotency request;
    } idempotency;

    /* For the next problem. */
    struct {
        const struct message_id *message_id; /* the message that it is about, or NULL */
        const struct message_id *batch_id;   /* the batch, or NULL */
        int64_t retry_after_s;               /* 0: none, or the default of its status */
        struct buffer errors;                /* JSON, separated by commas */
        struct buffer text;                  /* the same for people; only where is_smsgate */
        int error_count;
        enum http_member_source source; /* of the next field errors */
        size_t line;                    /* HTTP_IN_CSV: from 1 */
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

/* Once, before the first request. The server fills in `wake` and `state`. */
void http_exchange_init(struct http_exchange *exchange, struct api *api);
void http_exchange_fini(struct http_exchange *exchange);

/* Prepares it for the next request; keeps the memory of the buffers. */
void http_exchange_reset(struct http_exchange *exchange);

/* Begins a JSON answer: write the body into `response.body`. */
void http_begin_json(struct http_exchange *exchange, int status);

void http_add_header(struct http_exchange *exchange, const char *name, const char *format, ...)
    PRINTF_FORMAT(3, 4);

/* The reason phrase of a status (RFC 9110, 15); "" for one that is not used here. */
const char *http_reason(int status);

/* Answers with a problem, and with the field errors that were added. `detail` says what happened and what to
   change. */
enum http_outcome http_problem(struct http_exchange *exchange, enum error error, const char *detail,
                               ...) PRINTF_FORMAT(3, 4);

/* Answers a failed read or write of the store. The detail says that nothing was changed, or
   (ERROR_OUTCOME_UNKNOWN) that this is not known. */
enum http_outcome http_store_problem(struct http_exchange *exchange, enum error error);

/*
 * Add to the `errors` of the next problem, at most 20 of them: a member of the body by its JSON pointer (RFC
 * 6901; "" is the whole body), a query parameter by its name, or a readiness check by its name. Where
 * `problem.source` says so, the pointer is "/" and the name of a parameter or a column; "" is a whole line.
 */
void http_add_field_error(struct http_exchange *exchange, const char *pointer, enum error error,
                          const char *detail, ...) PRINTF_FORMAT(4, 5);
void http_add_parameter_error(struct http_exchange *exchange, const char *name, enum error error,
                              const char *detail, ...) PRINTF_FORMAT(4, 5);
void http_add_check_error(struct http_exchange *exchange, const char *check, enum error error,
                          const char *detail, ...) PRINTF_FORMAT(4, 5);
bool http_has_field_errors(const struct http_exchange *exchange);

/* Submits `exchange->write` and parks: `resume` runs on a worker when the write is complete, and answers.
   Answers at once if the store refuses the write. On a worker. */
enum http_outcome http_park(struct http_exchange *exchange,
                            void (*resume)(struct http_exchange *exchange));

#endif
