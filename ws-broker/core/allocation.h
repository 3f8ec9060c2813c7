/*
 * Memory for control structures. Without it the broker cannot keep its promises: it aborts, the supervisor starts it again,
 * and the store has everything that was promised.
 */
#ifndef WS_BROKER_CORE_ALLOCATION_H
#define WS_BROKER_CORE_ALLOCATION_H

/* Returns `memory`; logs and aborts when it is NULL. */
void *allocation_check(void *memory);

#endif
