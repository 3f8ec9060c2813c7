/* Certificates: what one is known by. */
#ifndef COMMON_PROCESS_CERTIFICATE_H
#define COMMON_PROCESS_CERTIFICATE_H

#include "common/process/settings.h"

enum { CERTIFICATE_FINGERPRINT_SIZE = 65 };

/*
 * Writes the SHA-256 over the DER form of the first certificate in a PEM file, in lower-case hex;
 * empty where the path is. By TLS_CA's, phones know a gateway whose certificate nobody else
 * vouches for. On false `errmsg` says in one sentence what is wrong with the file. Any thread.
 */
MUST_CHECK bool certificate_fingerprint(const char *path,
                                        char fingerprint[CERTIFICATE_FINGERPRINT_SIZE],
                                        char errmsg[SETTINGS_ERRMSG_SIZE]);

/* The first certificate of a PEM file is the private key's of another, or of the same, which must need no
   password. On false `reason` says what is wrong, as a part of a sentence. Any thread. */
MUST_CHECK bool certificate_check_key(const char *certificate_path, const char *key_path,
                                      char *reason, size_t size);

/* A file that is served to everybody: it has a certificate, and no private key. The same. */
MUST_CHECK bool certificate_check_public(const char *path, char *reason, size_t size);

/* Whether the first certificate in a PEM file is for that host: a name, or an address without brackets; and whether it
   has not ended. True also where that cannot be known: no path, no certificate in the file. Any thread. */
MUST_CHECK bool certificate_is_for(const char *path, const char *host);
MUST_CHECK bool certificate_has_not_ended(const char *path);

#endif
