/*
 * When no files are left for connections from nginx: those that wait would wait for as long as others are
 * served, so they are told at once that nothing is accepted now.
 */
#ifndef API_FCGI_SERVER_FCGI_REFUSAL_H
#define API_FCGI_SERVER_FCGI_REFUSAL_H

struct api;

/* Answers those that wait at `listen_fd` with 503. `spare_fd` is any file of the process: its place is used
   for one after the other, and it is another file then, or -1. */
void fcgi_refusal_answer_waiting(int listen_fd, int *spare_fd, struct api *api);

#endif
