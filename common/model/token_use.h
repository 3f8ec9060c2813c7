/*
 * How a device token is used: whether one phone has it, or two. Pure; the store keeps the numbers
 * (STORE_DEVICE_CONNECT, STORE_COUNT_TAKEOVER), so they outlive connections and brokers. Any thread.
 *
 * One phone on a bad network connects again and again, and takes over from connections of its own that
 * the gateway still believes in. None of that counts. Two things do:
 *
 * - Takeovers of a living connection. The one that was replaced has answered the close frame, so its phone
 *   was there and connected while another connection was opened. Three, each within ten minutes of the one
 *   before, or more than six of which one is forgiven every four hours.
 *
 * - Identities that come back after another was there. On the assured level the identity is the epoch of the
 *   journal: a phone that loses its journal makes a new epoch and never has the old one again, so an old
 *   epoch that comes back twice is a second phone. A basic phone has nothing but its device_name, which may
 *   be changed and changed back: that counts half, and only while there are exactly two names.
 */
#ifndef COMMON_MODEL_TOKEN_USE_H
#define COMMON_MODEL_TOKEN_USE_H

#include "common/model/device.h"
#include "common/model/message_id.h"

enum {
    TOKEN_IDENTITY_SIZE = DEVICE_NAME_SIZE + 40,
    TOKEN_IDENTITIES_KEPT = 32, /* for each token; the oldest are forgotten */
};
#define TOKEN_IDENTITY_KEPT_MS (INT64_C(30) * 24 * 3600 * 1000)

/* Times are wall-clock milliseconds. */
struct token_use {
    char identity[TOKEN_IDENTITY_SIZE]; /* of the newest connection; "": none was said yet */
    int64_t returns, returned_at_ms;
    int64_t takeovers, taken_over_at_ms;
    int64_t forgiven_until_ms;
};

/* Who connects, as far as it says so; "" where it says nothing. `journal` is NULL for a basic phone. */
void token_use_identify(const struct message_id *journal, const char *device_name,
                        char identity[TOKEN_IDENTITY_SIZE]);

/* Another identity than use->identity connects. `known`: it was there before, in the last
   TOKEN_IDENTITY_KEPT_MS; `identities`: how many were, with it. True where it is certain now that two phones
   use the token. */
MUST_CHECK bool token_use_change(struct token_use *use, const char *identity, bool known,
                                 int64_t identities, int64_t now_ms);

/* A living connection was taken over. True as above. A clock that was set back forgives everything. */
MUST_CHECK bool token_use_takeover(struct token_use *use, int64_t now_ms);

#endif
