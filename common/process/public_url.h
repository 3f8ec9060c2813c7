/* The address at which phones and clients reach the gateway. */
#ifndef COMMON_PROCESS_PUBLIC_URL_H
#define COMMON_PROCESS_PUBLIC_URL_H

#include "common/process/settings.h"

enum { PUBLIC_URL_SIZE = SETTINGS_TEXT_SIZE + 32 };

/*
 * The base URL, like https://sms.example.org, without a slash at the end: PUBLIC_URL, or else the address that nginx
 * listens on; if that is all addresses, this machine's IPv4 address on the default route. Any thread; asks the kernel,
 * not the network.
 */
MUST_CHECK bool public_url(const struct settings *settings, char url[PUBLIC_URL_SIZE],
                           char errmsg[ERRMSG_SIZE]);

/*
 * True if a phone cannot use that URL of the gateway: it points to the phone itself, it has no TLS, or the certificate
 * is for another host or has expired. `warning` says what to do. Any thread; reads TLS_CERTIFICATE.
 */
MUST_CHECK bool public_url_warning(const struct settings *settings, const char *url,
                                   char warning[ERRMSG_SIZE]);

/* The URL at which this machine itself reaches the gateway over plain HTTP. */
void public_url_local(const struct settings *settings, char url[PUBLIC_URL_SIZE]);

#endif
