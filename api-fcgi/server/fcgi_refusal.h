/*
 * When no file descriptors are left, new connections from nginx would wait until others are closed. They are
 * answered with 503 at once instead.
 */
#ifndef API_FCGI_SERVER_FCGI_REFUSAL_H
#define API_FCGI_SERVER_FCGI_REFUSAL_H

struct api;

/* Answers the connections that wait at `listen_fd`. *spare_fd is an open file that is given up for each of
   them; afterwards it is another one, or -1. */
void fcgi_refusal_answer_waiting(int listen_fd, int *spare_fd, struct api *api);

#endif
