/*
 * How the kernel shall schedule a worker. A thread that is woken displaces the one that woke it. Where
 * requests come thick, nginx would be displaced at each, and the worker would find one each time; as a
 * batch thread (sched(7)) it waits its turn and finds several. Where they come one by one, it shall not
 * wait behind the work of others.
 */
#ifndef API_FCGI_SERVER_WORKER_POLICY_H
#define API_FCGI_SERVER_WORKER_POLICY_H

/* After each wait for events; `count` is how many there were. Of the calling thread, as is the other. */
void worker_policy_choose(int count);

/* How long it may wait for the next, for epoll_wait. */
int worker_policy_wait_ms(void);

#endif
