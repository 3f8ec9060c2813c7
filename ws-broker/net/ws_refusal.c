#include "ws-broker/net/ws_refusal.h"

#include "common/base/log.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_BODY_BYTES = 6144, MAX_ANSWER_BYTES = 8192 };

static void put_answer(struct buffer *out, const struct problem *problem, const char *challenge)
{
    enum error error = problem->error;
    struct buffer body;
    buffer_init(&body, MAX_BODY_BYTES);
    problem_write(&body, problem);
    out->failed |= body.failed;
    char head[256];
    snprintf(head, sizeof(head),
             "HTTP/1.1 %d Refused\r\nContent-Type: %s\r\n"
             "Content-Length: %zu\r\nConnection: close\r\n",
             error_http_status(error), problem_content_type(problem), body.length);
    buffer_append_text(out, head);
    if (challenge)
        buffer_append_format(out, "WWW-Authenticate: Bearer realm=\"sms-gateway\"%s\r\n",
                             challenge);
    if (*problem->request_id)
        buffer_append_format(out, "X-Request-Id: %s\r\n", problem->request_id);
    if (error_http_status(error) == 503)
        buffer_append_text(out, "Retry-After: 5\r\n");
    buffer_append_text(out, "\r\n");
    if (!body.failed)
        buffer_append(out, body.data, body.length);
    buffer_fini(&body);
}

void ws_refusal_send(int fd, const struct problem *problem, const char *challenge)
{
    char rest[4096];
    struct buffer answer;
    buffer_init(&answer, MAX_ANSWER_BYTES);
    put_answer(&answer, problem, challenge);
    /* Closing a socket with unread data resets it, and the answer would be lost. */
    while (recv(fd, rest, sizeof(rest), MSG_DONTWAIT) > 0)
        ;
    if (!answer.failed && send(fd, answer.data, answer.length, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        log_debug("refusal not sent", LOG_ERRNO);
    buffer_fini(&answer);
    close(fd);
}
