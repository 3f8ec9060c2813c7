/* A store of a test's own, in a temporary folder, and short words for what tests do with it. */
#ifndef TESTS_UNIT_STORE_FIXTURE_H
#define TESTS_UNIT_STORE_FIXTURE_H

#include "common/store/store.h"
#include "tests/unit/unit.h"

struct store_fixture {
    char folder[64];
    char path[96];
    struct store_options options;
    struct store *store;
    struct store_reader *reader;
};

/* For cmocka's setup and teardown; *state is the fixture. */
int store_fixture_setup(void **state);
int store_fixture_teardown(void **state);

/* Closes and opens it again, as after a restart; or one of them. */
void store_fixture_reopen(struct store_fixture *fixture);
void store_fixture_close(struct store_fixture *fixture);
void store_fixture_open(struct store_fixture *fixture);

/* Queues a message; returns its id. */
struct message_id given_message(struct store_fixture *fixture, const char *number,
                                const char *text);

/* Gives the oldest queued messages to the devices, one each; returns how many there were. */
size_t given_hand_over(struct store_fixture *fixture, const char *const *devices, size_t count);

enum error given_report(struct store_fixture *fixture, const struct message_id *id,
                        const char *device_id, enum message_status status, bool *changed);

/* The message as stored; the caller does message_fini. */
struct message stored(struct store_fixture *fixture, const struct message_id *id);
enum message_status stored_status(struct store_fixture *fixture, const struct message_id *id);

/* Statements of the test's own, on the database at that path, beside the store. */
void execute(const char *path, const char *sql);

/* One number from the database, by SQL; also what an UPDATE with RETURNING gives. */
int64_t number_of(const struct store_fixture *fixture, const char *sql);

#endif
