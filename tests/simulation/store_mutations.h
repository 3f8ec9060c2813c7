/* The verbs of the world's store with a rule broken, the one that store->broken names; and what world_store.c offers for that. */
#ifndef TESTS_SIMULATION_STORE_MUTATIONS_H
#define TESTS_SIMULATION_STORE_MUTATIONS_H

#include "tests/simulation/world_store.h"

/* Runs a write that has no rules of the world's own. */
enum error store_mutations_run(struct world_store *store, struct store_write *write);

/* A message as it is queued. */
void store_mutations_of_message(const struct world_store *store, struct message *message);

/* Puts queued messages where they do not belong. */
void store_mutations_break_queue(struct store_database *database, enum mutation broken);

/* ---- world_store.c ---- */

enum error world_store_run(struct world_store *store, struct store_write *write);
void world_store_note_transition(struct world_store *store,
                                 const struct store_transition *transition);
/* NULL: it is not there. */
const struct memory_message *world_store_find(const struct world_store *store, unsigned message);

#endif
