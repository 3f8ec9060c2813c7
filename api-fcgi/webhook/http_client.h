/*
 * Posts to receivers: the one file that knows libcurl. Many posts run at the same time, on one thread, over connections that are kept.
 *
 * No redirect is followed, no proxy is used, an answer is read up to a bound and thrown away, and TLS is verified. Each
 * address that is about to be connected to is judged first, whatever name led there.
 */
#ifndef API_FCGI_WEBHOOK_HTTP_CLIENT_H
#define API_FCGI_WEBHOOK_HTTP_CLIENT_H

#include "common/base/base.h"

#include <sys/socket.h>

enum { HTTP_CLIENT_HEADERS = 4, HTTP_CLIENT_PROBLEM_SIZE = 160 };

struct http_answer {
    int status; /* once all headers have come, even if the body is cut; 0: there is none */
    int64_t retry_after_ms; /* 0: the receiver did not ask */
    int64_t took_us;
    char problem[HTTP_CLIENT_PROBLEM_SIZE]; /* without a status: why, in one sentence */
};

struct http_client_options {
    unsigned most_posts; /* at the same time */
    int64_t connect_timeout_ms, timeout_ms;
    size_t max_answer_bytes; /* a longer one is cut, and its connection closed */
    const char
        *ca_file; /* in PEM; these authorities are trusted besides the machine's own; "": none */
    const char *user_agent;
    /* Whether an address may be connected to; else `problem` says why not. */
    bool (*may_connect)(void *context, const struct sockaddr *address,
                        char problem[HTTP_CLIENT_PROBLEM_SIZE]);
    /* A post has ended, during http_client_run. It may begin another. */
    void (*ended)(void *context, void *owner, const struct http_answer *answer);
    void *context;
};

struct http_client;

/* NULL: no memory. The options' texts stay the caller's. */
struct http_client *http_client_new(const struct http_client_options *options);
/* Breaks off what runs, without calling `ended`. */
void http_client_free(struct http_client *client);

/* A POST. The body stays the caller's, and there until `ended`; the rest is copied. */
struct http_post {
    const char *url;
    const char *headers[HTTP_CLIENT_HEADERS]; /* "name: value", up to NULL */
    const char *body;
    size_t body_length;
    void *owner;
};

/* False, and nothing happens: without memory, or if most_posts run. */
MUST_CHECK bool http_client_post(struct http_client *client, const struct http_post *post);

/* Works until something has happened, `fd` is readable, http_client_wake was called, or `timeout_ms` have passed. */
void http_client_run(struct http_client *client, int fd, int64_t timeout_ms);

/* Any thread. */
void http_client_wake(struct http_client *client);

#endif
