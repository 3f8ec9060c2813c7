/*
 * The journal of an assured phone in memory (PROTOCOL.md says what it has), and its changes as values. The caller stores
 * the changes, and passes the stored journal back when the phone starts again.
 */
#ifndef TESTS_PHONE_SIM_JOURNAL_H
#define TESTS_PHONE_SIM_JOURNAL_H

#include "tests/phone-sim/base.h"
#include "tests/phone-sim/sms.h"

#include <sys/queue.h>

enum { JOURNAL_EPOCH_SIZE = 37 };

enum entry_state {
    ENTRY_OFFERED,
    ENTRY_RELEASED,
    ENTRY_SUBMITTING,
    ENTRY_DONE,
    ENTRY_DROPPED,
};

/* A message and its state. */
struct journal_entry {
    char message_id[SMS_ID_SIZE];
    int64_t attempt;
    enum entry_state state;
    enum sms_status status; /* the last to report; SMS_QUEUED: none yet */
    int64_t parts_sent;     /* with SMS_FAILED */
    char error_code[SMS_ERROR_SIZE];
    char phone_number[SMS_NUMBER_SIZE];
    int64_t expires_at_ms; /* 0: never */
    bool no_delivery_report;
    char *text; /* NULL once nothing is to be sent any more */
};

/* A report that is not acknowledged. */
struct journal_report {
    uint64_t seq;
    char message_id[SMS_ID_SIZE];
    int64_t attempt;
    enum sms_status status;
    int64_t parts_sent;
    char error_code[SMS_ERROR_SIZE];
};

/*
 * One change, to be made as a whole or not at all, and after those with lower numbers. The pointers
 * are good during the call that brings it.
 */
struct journal_write {
    uint64_t number;                     /* from 1, one more with each of this phone */
    const char *epoch;                   /* not NULL: all there was is gone, and a new one begins */
    const struct journal_entry *entry;   /* not NULL: in the place of the one of that message id */
    const struct journal_report *report; /* not NULL: one more */
    uint64_t acknowledged;               /* not 0: the seq of a report that is to be taken out */
    const struct incoming *incoming;     /* not NULL: one more incoming SMS */
    const char *answered;                /* not NULL: the id of one that the gateway has answered */
};

/* What a phone finds when it starts again. The texts of the entries are copied. */
struct journal_image {
    const char *epoch;
    uint64_t last_seq;                   /* of any report there ever was; 0: none */
    const struct journal_entry *entries; /* in the order in which they were first written */
    size_t entry_count;
    const struct journal_report *reports; /* in the order of their seq */
    size_t report_count;
    const struct incoming *incoming; /* that the gateway has not answered, oldest first */
    size_t incoming_count;
};

/* A message in the frame `journal`, which follows `hello`. */
struct journal_frame_entry {
    char message_id[SMS_ID_SIZE];
    int64_t attempt;
    bool is_offered; /* or else released */
};

struct entry {
    struct journal_entry value;
    TAILQ_ENTRY(entry) in_all;
    TAILQ_ENTRY(entry) in_to_submit;
    size_t reports; /* how many of `report` are about it */
    bool waits;     /* is in to_submit, of assured.c */
    bool is_listed; /* in the journal that follows hello */
};

struct report {
    struct journal_report value;
    struct entry *entry;
    TAILQ_ENTRY(report) in_all;
    bool is_queued; /* to be written to this connection */
};

TAILQ_HEAD(entry_list, entry);
TAILQ_HEAD(report_list, report);

struct journal {
    char epoch[JOURNAL_EPOCH_SIZE];
    uint64_t last_seq;
    struct entry_list entries; /* as they came */
    size_t entry_count;
    struct report_list reports; /* not acknowledged, oldest first */
    size_t report_count;
    struct entry **slots; /* by message id; NULL: free */
    size_t capacity;      /* a power of two, or 0 */
};

/* An empty one. */
void journal_init(struct journal *journal, const char *epoch);
void journal_fini(struct journal *journal);

/* NULL if there is none. */
struct entry *journal_find(const struct journal *journal, const char *message_id);
/* A new one, which must not be there yet. */
struct entry *journal_add(struct journal *journal, const struct journal_entry *value);

/* A report on the entry as it is now, with the next seq. */
struct report *journal_add_report(struct journal *journal, struct entry *entry);
struct report *journal_find_report(const struct journal *journal, uint64_t seq);
void journal_remove_report(struct journal *journal, struct report *report);

void journal_load(struct journal *journal, const struct journal_image *image);

/* As the protocol and the journal file have it. */
const char *entry_state_name(enum entry_state state);
bool entry_state_from_name(enum entry_state *state, const char *name);

/* Does it prove that nothing was sent? */
bool journal_entry_is_unsent(const struct journal_entry *entry);

#endif
