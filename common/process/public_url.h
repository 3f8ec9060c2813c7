/* The address at which phones and clients reach the gateway. */
#ifndef COMMON_PROCESS_PUBLIC_URL_H
#define COMMON_PROCESS_PUBLIC_URL_H

#include "common/process/settings.h"

enum { PUBLIC_URL_SIZE = SETTINGS_TEXT_SIZE + 32 };

/*
 * Writes the base URL, as https://sms.example.org: PUBLIC_URL where it is set, or else what nginx
 * listens on. Where that is every address, the machine's first IPv4 address that is up and no
 * loopback stands for it. No slash at the end. Any thread; asks the kernel, not the network.
 *
 * On false `errmsg` says in one sentence what to set.
 */
MUST_CHECK bool public_url(const struct settings *settings, char url[PUBLIC_URL_SIZE],
                           char errmsg[SETTINGS_ERRMSG_SIZE]);

/*
 * What hinders another machine, a phone above all, from using that URL of the gateway: it leads to the machine
 * itself, it is without TLS, or the certificate is for other names or has ended. False where nothing is known
 * to. `warning` is a sentence that says what to do. Any thread; reads TLS_CERTIFICATE.
 */
MUST_CHECK bool public_url_warning(const struct settings *settings, const char *url,
                                   char warning[SETTINGS_ERRMSG_SIZE]);

/* The URL at which this machine itself reaches the gateway, over plain HTTP. */
void public_url_local(const struct settings *settings, char url[PUBLIC_URL_SIZE]);

#endif
