/*
 * A store of a test's own, and short words for what tests do with it.
 *
 * STORE_DSN names the backend: `memory:`, a server of PostgreSQL (postgresql_fixture.h), or `sqlite:` (the default), which is a
 * new file in a temporary folder. The store's clock is the machine's until a test moves it.
 */
#ifndef TESTS_STORE_STORE_FIXTURE_H
#define TESTS_STORE_STORE_FIXTURE_H

#include "common/store/store.h"
#include "tests/unit/unit.h"

#include <semaphore.h>

struct store_fixture {
    char folder[64];
    char path[96]; /* of the file; SQLite only */
    char dsn[256];
    bool is_sqlite;
    struct store_options options;
    struct store *store;
    struct store_reader *reader;
    struct store *keeper; /* of a memory store, while the other is closed */
};

#define STORE_TEST(function)                                                                       \
    cmocka_unit_test_setup_teardown(function, store_fixture_setup, store_fixture_teardown)

/* For cmocka's setup and teardown; *state is the fixture. */
int store_fixture_setup(void **state);
int store_fixture_teardown(void **state);

/* Closes the store and opens it again, as a restart does; or one of the two. */
void store_fixture_reopen(struct store_fixture *fixture);
void store_fixture_close(struct store_fixture *fixture);
void store_fixture_open(struct store_fixture *fixture);

/* ---- Time ---- */

enum { DAY_MS = 86400000 };

/* The store's clock, which also dates the ids of messages. Only pass_ms moves a stopped clock. */
int64_t store_fixture_now_ms(void);
void store_fixture_pass_ms(int64_t ms); /* negative: back */
void store_fixture_stop_clock_at(int64_t wall_ms);

/* A new id, as of the store's clock. */
struct message_id store_fixture_new_id(void);

/* ---- Messages ---- */

/* Queues a message; returns its id. */
struct message_id given_message(struct store_fixture *fixture, const char *number,
                                const char *text);

/* Queues a message with that id. */
enum error enqueue_as(struct store_fixture *fixture, const struct message_id *id);

/* Brings a new message into that status: "phone-1" claims it and reports on it. */
struct message_id given_message_in(struct store_fixture *fixture, enum message_status status);

/* A new message that one device, "phone", brought into that status, or a client's cancel request. */
struct message_id given_ended(struct store_fixture *fixture, enum message_status status);

/* Offers the oldest queued message to a device with that journal; there must be one. */
void given_offer(struct store_fixture *fixture, const char *device_id,
                 const struct message_id *journal);

/* Queues a batch of so many messages; returns its id. */
struct message_id given_batch(struct store_fixture *fixture, size_t count);

/* Connects a device to a broker; returns the connection's epoch. Without a
   journal (NULL) it is basic; `entry`: what the journal has, or NULL. */
int64_t given_broker_connection(struct store_fixture *fixture, const char *device_id,
                                const struct message_id *journal, const struct message_id *broker,
                                struct store_journal_entry *entry);
bool is_connected(struct store_fixture *fixture, const char *device_id);

/* Claims the oldest queued messages for the devices, one each; returns their number. */
size_t given_claim(struct store_fixture *fixture, const char *const *devices, size_t count);

enum error given_report(struct store_fixture *fixture, const struct message_id *id,
                        const char *device_id, enum message_status status, bool *changed);

/* Purges a piece of at most `limit` texts, messages and answers; 0 days: none. */
struct store_write given_purge(struct store_fixture *fixture, int text_days, int message_days,
                               int64_t limit);

/* The broker "broker" renews its lease; 0 ends it. */
void given_lease(struct store_fixture *fixture, const struct message_id *instance,
                 int64_t lease_ms);

/* The message as stored; the caller does message_fini. */
struct message stored(struct store_fixture *fixture, const struct message_id *id);
enum message_status stored_status(struct store_fixture *fixture, const struct message_id *id);

/* The number of messages, in all or in that status. */
int64_t count_messages(struct store_fixture *fixture);
int64_t count_messages_in(struct store_fixture *fixture, enum message_status status);

/* The kept counts agree with the messages, and every message with the last event of its history. */
void assert_consistent(struct store_fixture *fixture);

/* ---- Transactions ---- */

/* Skips the test where the database has many writers at once: what it is about is that others wait for their turn. */
void given_one_writer_at_once(void);

/* Keeps a transaction of `store` open until release: writes wait, and other stores of the same database cannot
   write. */
struct store_hold {
    struct store *store;
    struct store_write write;
    sem_t begun, go_on;
};
void store_hold_begin(struct store_hold *hold, struct store *store);
void store_hold_release(struct store_hold *hold);

/* ---- SQLite ---- */

/* Compares a number that the query finds in the file. Does nothing with another backend. */
void assert_in_file(const struct store_fixture *fixture, const char *sql, int64_t expected);

/* Runs statements on the database at that path, past the store. */
void execute(const char *path, const char *sql);

/* A number that the query finds in the file; an UPDATE may return one too. */
int64_t number_of(const struct store_fixture *fixture, const char *sql);

#endif
