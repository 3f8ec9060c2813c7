/* The store's requests about incoming SMS. */
#ifndef COMMON_STORE_INBOX_H
#define COMMON_STORE_INBOX_H

#include "common/base/error.h"
#include "common/model/incoming_sms.h"

struct store_reader;

/* ---- Writes: the payloads of struct store_write ---- */

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
};

#endif
