/* Certificates: fingerprint, private key, and whether one is valid for a host. Any thread. */
#ifndef COMMON_PROCESS_CERTIFICATE_H
#define COMMON_PROCESS_CERTIFICATE_H

#include "common/base/errmsg.h"

enum { CERTIFICATE_FINGERPRINT_SIZE = 65 };

/*
 * The SHA-256 of the DER form of the first certificate in a PEM file, in lower-case hex; empty if the path is empty.
 * Phones recognise a gateway with a CA of its own by the fingerprint of TLS_CA.
 */
MUST_CHECK bool certificate_fingerprint(const char *path,
                                        char fingerprint[CERTIFICATE_FINGERPRINT_SIZE],
                                        char errmsg[ERRMSG_SIZE]);

/* Whether the private key belongs to the first certificate of the other PEM file, which may be the same file. A key with
   a password is refused. */
MUST_CHECK bool certificate_check_key(const char *certificate_path, const char *key_path,
                                      char errmsg[ERRMSG_SIZE]);

/* Whether a file may be served to everyone: it has a certificate, and no private key. */
MUST_CHECK bool certificate_check_public(const char *path, char errmsg[ERRMSG_SIZE]);

/* The first certificate of a PEM file, for a host: a name, or an address without brackets. CERTIFICATE_VALID also if the
   file has no certificate that can be read. */
enum certificate_validity { CERTIFICATE_VALID, CERTIFICATE_OTHER_HOST, CERTIFICATE_EXPIRED };
enum certificate_validity certificate_check_host(const char *path, const char *host);

#endif
