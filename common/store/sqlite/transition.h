/*
 * How a message changes its status in SQLite: the row, its event and the count, or nothing. What may
 * become what is message.c's to say; whoever calls here has asked it.
 */
#ifndef COMMON_STORE_SQLITE_TRANSITION_H
#define COMMON_STORE_SQLITE_TRANSITION_H

#include "common/model/token_use.h"
#include "common/store/sqlite/sqlite.h"

/* A message about to move, as the statements with MOVING_COLUMNS give it. */
struct moving {
    int64_t seq;
    int64_t event_count;
    unsigned attempt;
    enum message_status status;
    char device_id[DEVICE_ID_SIZE];
    struct message_id id;
    struct message_id journal; /* zero: without one */
    unsigned failures;
    bool revoke;        /* somebody wants it cancelled */
    int64_t report_seq; /* of the last report that moved this attempt; -1: none */
    char times[SQLITE_TIMES_SIZE];
    unsigned segments;
    struct request_id request_id;
};

enum { MOVING_COLUMN_COUNT = 13 };

/* The journal of a phone that has none. */
extern const struct message_id no_journal;

void read_moving(sqlite3_stmt *row, struct moving *moving);
MUST_CHECK enum error find_moving(struct store_connection *connection, const struct message_id *id,
                                  struct moving *moving, bool *found);

/* Reads the messages of a statement with MOVING_COLUMNS, of which the parameters are bound but the
   last, the limit. All of them, before the first is moved. */
MUST_CHECK enum error read_all_moving(struct store_connection *connection, sqlite3_stmt *select,
                                      struct moving moving[STORE_MAX_CLAIM], size_t *count);

/* What is true of a wish of this phone, about that attempt (0: it does not say). */
unsigned facts_of(const struct moving *moving, const struct store_holder *phone, unsigned attempt);

MUST_CHECK enum error append_event(struct store_connection *connection, int64_t seq, int64_t number,
                                   enum message_status status, unsigned attempt,
                                   const char *device_id, const char *error_code,
                                   const char *error_message, int64_t at_ms);

/* Moves a message within the same phone's hands. This and the others below leave `moving` as the
   message is then. */
MUST_CHECK enum error move(struct store_connection *connection, struct moving *moving,
                           enum message_status to, const char *error_code,
                           const char *error_message);

/* Moves a queued message into a phone's hands. */
MUST_CHECK enum error move_to_device(struct store_connection *connection, struct moving *moving,
                                     const struct store_holder *phone);

/* Moves a message out of a phone's hands: nothing of this attempt was sent. When somebody wants it
   cancelled it now is; when phones `failed` with it too often, it has failed itself, and otherwise it
   waits for store_backoff_ms. */
MUST_CHECK enum error move_back(struct store_connection *connection, struct moving *moving,
                                bool failed, double spread, const char *error_code,
                                const char *error_message);

/* Moves messages that were offered back to the queue. */
MUST_CHECK enum error queue_offered(struct store_connection *connection,
                                    struct moving moving[STORE_MAX_CLAIM], size_t count);

/* What a phone that holds an offer is to be told, after the move that may follow from it. */
MUST_CHECK enum error judge_offer(struct store_connection *connection, struct moving *moving,
                                  unsigned facts, enum store_verdict *verdict);

/* store_sqlite_devices.c: the verbs of phones and brokers. */
enum error connect_device(struct store_connection *connection, struct store_write *write);
enum error update_device(struct store_connection *connection, struct store_write *write);
enum error disconnect_device(struct store_connection *connection, struct store_write *write);
enum error lease_broker(struct store_connection *connection, struct store_write *write);

/* store_sqlite_keys.c: the verbs of API keys. */
enum error create_key(struct store_connection *connection, struct store_write *write);
enum error revoke_key(struct store_connection *connection, struct store_write *write);

/* store_sqlite_tokens.c: the verbs of device tokens. */
enum error create_pairing(struct store_connection *connection, struct store_write *write);
enum error pair(struct store_connection *connection, struct store_write *write);
enum error create_token(struct store_connection *connection, struct store_write *write);
enum error end_token(struct store_connection *connection, struct store_write *write);
enum error find_dismissed(struct store_connection *connection, struct store_write *write);

/* Whether the token of that id opens that device: otherwise ERROR_DEVICE_TOKEN_INVALID. */
MUST_CHECK enum error check_token(struct store_connection *connection, const char *token_id,
                                  const char *device_id);

/* Ends the token of a device that stands, with what is known of its use; `token_id`: that one alone, "":
   whichever. */
MUST_CHECK enum error end_standing_token(struct store_connection *connection, const char *device_id,
                                         const char *token_id, enum device_token_revocation end,
                                         bool *changed);

/* store_sqlite_token_use.c */

/* A phone connects with that token, which stands. *quarantined: two phones use it, and it has ended. */
MUST_CHECK enum error note_identity(struct store_connection *connection,
                                    const struct store_holder *phone, const char *token_id,
                                    const char *device_name, bool *quarantined);
enum error count_takeover(struct store_connection *connection, struct store_write *write);

/* store_sqlite_brakes.c */

/* Whether a new message may come in; where it may, it counts. */
MUST_CHECK enum error brakes_admit(struct store_connection *connection,
                                   const struct store_write *write);

/* It failed and does not count after all. Where that fails too, the transaction is lost. */
void brakes_take_back(struct store_connection *connection, const struct store_write *write);

enum error set_sending(struct store_connection *connection, struct store_write *write);
MUST_CHECK enum error brakes_read_paused(struct store_connection *connection, bool *paused);

/* Segments given to a phone: today, in the current window of pacing and the one before. */
struct device_use {
    const char *device_id; /* borrowed */
    int64_t day, in_day, window, in_window, before_window;
    bool changed;
};
bool limits_devices(const struct store_connection *connection);
MUST_CHECK enum error read_device_use(struct store_connection *connection, const char *device_id,
                                      struct device_use *use);
MUST_CHECK enum error write_device_use(struct store_connection *connection,
                                       const struct device_use *use);

/* A message goes back, nothing of it was sent: it does not count in the day it was given. */
MUST_CHECK enum error uncount_device(struct store_connection *connection,
                                     const struct moving *moving);

/* store_sqlite_retention.c: the verbs of messages at their end. */
enum error requeue(struct store_connection *connection, struct store_write *write);
enum error erase(struct store_connection *connection, struct store_write *write);
enum error purge(struct store_connection *connection, struct store_write *write);

/* store_sqlite_enqueue.c: a new message; it counts for the limits. It may be inserted later, and fail then:
   sqlite_flush_incoming; or it is inserted at once. */
MUST_CHECK enum error enqueue(struct store_connection *connection, struct store_write *write);
MUST_CHECK enum error enqueue_at_once(struct store_connection *connection,
                                      struct store_write *write);

/* store_sqlite_hand_over.c */
enum error hand_over(struct store_connection *connection, struct store_write *write);

#endif
