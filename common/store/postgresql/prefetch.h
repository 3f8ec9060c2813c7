/*
 * Selects that a transaction is going to make, made together at its beginning: each answer is kept by its statement and
 * parameters until something is sent that may change it.
 */
#ifndef COMMON_STORE_POSTGRESQL_PREFETCH_H
#define COMMON_STORE_POSTGRESQL_PREFETCH_H

#include "common/base/buffer.h"
#include "common/store/postgresql/connection.h"

/* What a statement reads or writes: bits of tables. */
struct prefetch_scope {
    uint32_t reads, writes;
};

struct prefetch_entry {
    int statement;
    uint64_t hash; /* of the key */
    char *key;     /* the parameters */
    size_t key_length;
    uint32_t tables;    /* that it reads; 0: it was forgotten */
    int name_field;     /* of the parameter that names the row; -1: none */
    uint64_t name_hash; /* of its value */
    PGresult *result;   /* NULL: not answered yet, or refused */
    bool is_shared;     /* it is an entry's before this one */
    int row, row_end;   /* its rows in there */
};

struct prefetch {
    struct prefetch_entry *entries;
    size_t count, capacity;
};

/* A text's tables, by their names after FROM, JOIN, INTO and UPDATE. */
struct prefetch_scope prefetch_scope_of(const char *sql);
/* The rows of messages that are not queued: what changes them changes no list of the queue. */
uint32_t prefetch_in_flight(void);
/* The tables of messages, with those. */
uint32_t prefetch_messages(void);
/* With those what must find transitions sent: events too, and tables that are not among those above. */
uint32_t prefetch_transitions(void);

uint64_t prefetch_hash(const void *bytes, size_t length);

/* An entry with that key, which is copied; its index. count: no memory, or it is there already. */
size_t prefetch_add(struct prefetch *prefetch, int statement, const struct buffer *key,
                    uint32_t tables);
const struct prefetch_entry *prefetch_find(const struct prefetch *prefetch, int statement,
                                           const struct buffer *key);
/* Before a statement that writes these tables: of one row, or any (-1). */
void prefetch_forget(struct prefetch *prefetch, uint32_t tables, int name_field,
                     uint64_t name_hash);
void prefetch_clear(struct prefetch *prefetch);
void prefetch_fini(struct prefetch *prefetch);

#endif
