/* The store's requests about incoming SMS. */
#ifndef COMMON_STORE_INBOX_H
#define COMMON_STORE_INBOX_H

#include "common/base/error.h"
#include "common/model/incoming_sms.h"
#include "common/store/messages.h"

struct store_reader;

/* ---- Writes: the payloads of struct store_write ---- */

enum store_opt { STORE_OPT_UNCHANGED, STORE_OPTED_OUT, STORE_OPTED_IN };

/* A device passes on an SMS. It is stored once, however often it comes: the same device_id and received_id change nothing. Of a
   device whose token was revoked meanwhile it is stored all the same. An SMS that is stored, now or before, is to be
   acknowledged; after any error the device passes it on again. ERROR_WAL_FULL, ERROR_DISK_FULL: there is no room for a new
   one. */
struct store_receive {
    /* Borrowed until done. Its id is a new one. */
    const struct incoming_sms *sms;
    struct message_id id; /* out: under which it is stored */
    bool known;           /* out: it was stored before */
    bool differs;         /* out, if known: then with another sender or text, which stays */
    enum store_opt opt;   /* out: what it changed about its sender (opt_outs.h) */
};

/* ---- Reads: see store.h ---- */

/* ERROR_INCOMING_NOT_FOUND without one; otherwise the caller does incoming_sms_fini. */
MUST_CHECK enum error store_find_incoming(struct store_reader *reader, const struct message_id *id,
                                          struct incoming_sms *sms);

/* Which incoming SMS, newest first, by when they were stored. A filter that is not set (false, "", 0) lets everything
   through. */
struct store_inbox_query {
    char device_id[DEVICE_ID_SIZE];
    char sender[INCOMING_ADDRESS_SIZE];
    unsigned sim;
    bool has_kind;
    enum incoming_kind kind;
    bool has_stored_after, has_stored_before;
    int64_t stored_after_ms;  /* wall, inclusive */
    int64_t stored_before_ms; /* wall, exclusive */
    bool without_total;       /* counting all that match costs more than a page of them */

    /* As of struct store_query (messages.h). */
    size_t limit;
    size_t max_text_bytes;
    enum store_position position;
    int64_t offset;
    struct message_id cursor;
};

struct store_inbox_page {
    struct incoming_sms *incoming; /* newest first */
    size_t count;
    int64_t total;             /* that match the filters, on all pages; 0 without_total */
    bool has_older, has_newer; /* also where the page ended early */
};

/* One consistent view. The caller does store_inbox_page_fini, also after an error. */
MUST_CHECK enum error store_list_inbox(struct store_reader *reader,
                                       const struct store_inbox_query *query,
                                       struct store_inbox_page *page);
void store_inbox_page_fini(struct store_inbox_page *page);

#endif
