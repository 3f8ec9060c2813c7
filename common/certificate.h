/* Certificates: what one is known by. */
#ifndef COMMON_CERTIFICATE_H
#define COMMON_CERTIFICATE_H

#include "settings.h"

enum { CERTIFICATE_FINGERPRINT_SIZE = 65 };

/*
 * Writes the SHA-256 over the DER form of the first certificate in a PEM file, in lower-case hex;
 * empty where the path is. By TLS_CA's, phones know a gateway whose certificate nobody else
 * vouches for. On false `problem` says in one sentence what is wrong with the file. Any thread.
 */
MUST_CHECK bool certificate_fingerprint(const char *path,
                                        char fingerprint[CERTIFICATE_FINGERPRINT_SIZE],
                                        char problem[SETTINGS_PROBLEM_SIZE]);

#endif
