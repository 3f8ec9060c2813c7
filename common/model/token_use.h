/*
 * Detects whether two phones use one device token. Pure; the store keeps the numbers (STORE_DEVICE_CONNECT,
 * STORE_COUNT_TAKEOVER), so they outlive connections and brokers. Any thread.
 *
 * One phone on a bad network reconnects often, and takes over its own connections that the gateway still considers open.
 * That does not count. Two things count:
 *
 * - Takeovers of a live connection: the replaced connection answered the close frame, so its phone was connected while
 *   the other connection was opened. Three takeovers, each within ten minutes of the one before, or more than six, of which
 *   one is forgiven every four hours.
 *
 * - Identities that return after another identity. On the assured level the identity is the journal id: a phone that
 *   loses its journal makes a new one and never has the old one again, so an old journal that returns twice belongs to a
 *   second phone. A basic phone has only its device_name, which may be changed and changed back: that counts half, and
 *   only while there are exactly two names. A basic phone and an assured one in turn count half, too, whatever the name, or
 *   without one.
 *
 * - Of a polled device, whose token is all that it has, versions of its app that become older. An app is updated, and is not
 *   taken back to an older version without its token. Once may be a request that was late; twice are two phones in turn.
 */
#ifndef COMMON_MODEL_TOKEN_USE_H
#define COMMON_MODEL_TOKEN_USE_H

#include "common/model/device.h"
#include "common/model/message_id.h"

enum {
    TOKEN_IDENTITY_SIZE = DEVICE_NAME_SIZE + 40,
    TOKEN_IDENTITIES_KEPT = 32, /* per token; the oldest are forgotten */
};
#define TOKEN_IDENTITY_KEPT_MS (INT64_C(30) * 24 * 3600 * 1000)

/* Times are wall-clock milliseconds. */
struct token_use {
    char identity[TOKEN_IDENTITY_SIZE]; /* of the newest connection; "": none yet */
    int64_t returns, returned_at_ms;
    int64_t takeovers, taken_over_at_ms;
    int64_t forgiven_until_ms;
};

/* The identity of a device. `journal` is NULL for a basic device, whose name may be "". */
void token_use_identify(const struct message_id *journal, const char *device_name,
                        char identity[TOKEN_IDENTITY_SIZE]);

/* Whether an identity says nothing: it is that of the newest connection, or of a basic device without a name, and no journal was
   before it. */
MUST_CHECK bool token_use_is_silent(const struct token_use *use, const char *identity);

/* A device connects with an identity that is not silent. `known`: the identity was used in the last
   TOKEN_IDENTITY_KEPT_MS; `identities`: the number of identities in that time, with this one. True if it is now certain
   that two phones use the token. */
MUST_CHECK bool token_use_change(struct token_use *use, const char *identity, bool known,
                                 int64_t identities, int64_t now_ms);

/* The app of a polled device is older than at its request before. True as above. */
MUST_CHECK bool token_use_older_app(struct token_use *use, int64_t now_ms);

/* A live connection was taken over. True as above. If the clock was set back, everything is forgotten. */
MUST_CHECK bool token_use_takeover(struct token_use *use, int64_t now_ms);

#endif
