/* Pairing: a link, as in the gateway's QR code, becomes a device id and its token (PROTOCOL.md). */
#ifndef TESTS_PHONE_SIM_PAIRING_H
#define TESTS_PHONE_SIM_PAIRING_H

#include "tests/phone-sim/base.h"
#include "tests/phone-sim/phone.h"
#include "tests/phone-sim/tokens.h"

enum { PAIRING_URL_SIZE = 400, PAIRING_FILE_SIZE = 512 };

struct pairing {
    char url[PAIRING_URL_SIZE];      /* out: of the WebSocket, ws:// or wss:// */
    char ca_path[PAIRING_FILE_SIZE]; /* out: the gateway's own CA; empty without one */
    char id[PHONE_ID_SIZE];          /* in: the id it would like, or empty; out: the one it got */
    char token[TOKEN_SIZE];          /* out */
};

/*
 * Pairs a phone. A CA that the link names is fetched, held to its fingerprint and kept at
 * `tokens_path`.ca; the token is added to the file `tokens_path`, which is nobody else's to read. Blocks.
 * False after a line on stderr.
 */
bool pairing_run(const char *link, const char *tokens_path, struct pairing *pairing);

#endif
