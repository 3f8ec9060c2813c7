/* The store's requests about API keys, pairing codes, device tokens and tickets of the event stream. */
#ifndef COMMON_STORE_ACCESS_H
#define COMMON_STORE_ACCESS_H

#include "common/access/api_key.h"
#include "common/access/device_token.h"
#include "common/base/error.h"
#include "common/model/device.h"

struct store_reader;

/* ---- Writes: the payloads of struct store_write ---- */

/* A new API key, or a link of the dashboard; out: its created_at_ms and expires_at_ms. */
struct store_create_key {
    struct api_key key;
    int64_t valid_for_ms; /* from the commit on; 0: until it is revoked */
};

/* From the commit on the key opens nothing. */
struct store_revoke_key {
    char id[SECRET_ID_SIZE];
    bool changed;          /* out: there was such a key, and it was active */
    int64_t revoked_at_ms; /* out, if so */
};

/* Uses a link up for a session, of which id and hash are filled in: it gets the label, scopes and limits of the link, never more.
   ERROR_SIGN_IN_LINK_INVALID: there is none with that hash, or it has expired or was revoked. */
struct store_open_session {
    unsigned char link_hash[SECRET_HASH_BYTES];
    struct api_key session; /* out: all of it */
};

/* A code that pairs one device. */
struct store_create_pairing {
    unsigned char code_hash[SECRET_HASH_BYTES];
    char device_id[DEVICE_ID_SIZE]; /* "": the device chooses */
    struct device_groups groups;    /* that the device gets; none: it keeps those that it has */
    int64_t valid_for_ms;           /* from the commit on */
    int64_t expires_at_ms;          /* out: wall */
};

/* A device exchanges a code for `token`, of which id and hash are filled in: for the device of the code or, where
   the code leaves that open, for token.device_id. The device's token before it is revoked.
   ERROR_PAIRING_CODE_INVALID: there is no such code, or it has expired; ERROR_DEVICE_ID_TAKEN: a device cannot
   choose an id that is paired.

   A polled device may repeat it within STORE_PAIRED_AGAIN_MS, because its answer may be lost: with the same token nothing
   changes, and another one replaces that. */
struct store_pair {
    unsigned char code_hash[SECRET_HASH_BYTES];
    struct device_token token; /* out: device_id, created_at_ms */
    bool polled; /* the token is one of the mobile API, and the device a polled one: */
    unsigned char hook_hash[SECRET_HASH_BYTES];
    unsigned app_version;
    unsigned set;            /* bits of enum polled_member: what it says of itself */
    struct device_info info; /* the submitter's */
};

/* A token without a code, created on the gateway's machine. The device's token before it is revoked. */
struct store_create_token {
    struct device_token token; /* id, hash, device_id are filled in */
};

/* Revokes the active token of a device; its connection is then to be closed. With DEVICE_TOKEN_REVOKED the pairing codes for that device are removed too. */
struct store_revoke_token {
    char device_id[DEVICE_ID_SIZE];
    char token_id[SECRET_ID_SIZE]; /* only this one; "": any */
    enum device_token_revocation revocation;
    bool changed;          /* out: there was an active one */
    int64_t revoked_at_ms; /* out, if so */
};

/* A connection was taken over while its device was there. Where that happens too often two phones use the token,
   and it is revoked (token_use.h). Nothing happens for a token that is not active. */
struct store_count_takeover {
    char device_id[DEVICE_ID_SIZE];
    char token_id[SECRET_ID_SIZE];
    bool quarantined; /* out: it is revoked now */
};

/* A ticket: opens one event stream, as the key would. */
struct store_create_ticket {
    unsigned char hash[SECRET_HASH_BYTES];
    char key_id[SECRET_ID_SIZE]; /* whose rights it has; "": no keys are required */
    int64_t valid_for_ms;        /* from the commit on */
    int64_t expires_at_ms;       /* out: wall */
};

/* Uses a ticket up. ERROR_TICKET_INVALID: there is none with that hash, or it has expired. */
struct store_take_ticket {
    unsigned char hash[SECRET_HASH_BYTES];
    char key_id[SECRET_ID_SIZE]; /* out */
};

/* ---- Reads: see store.h ---- */

/* The key of that id, whatever its state. */
MUST_CHECK enum error store_find_key(struct store_reader *reader, const char *id,
                                     struct api_key *key, bool *found);

/* All keys there ever were, oldest first, and the sessions and links of the last weeks. The caller frees *keys, also after an error. */
MUST_CHECK enum error store_list_keys(struct store_reader *reader, struct api_key **keys,
                                      size_t *count);

/* The token of that id, whatever its state. */
MUST_CHECK enum error store_find_token(struct store_reader *reader, const char *id,
                                       struct device_token *token, bool *found);

/* The newest token of each device, by device id. The caller frees *tokens, also after an error. */
MUST_CHECK enum error store_list_tokens(struct store_reader *reader, struct device_token **tokens,
                                        size_t *count);

#endif
