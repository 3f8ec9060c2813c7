#include "common/access/pairing.h"

#include "common/base/buffer.h"
#include "common/base/url.h"
#include "common/process/certificate.h"

#include <stdio.h>

static bool write_uri(const char *fingerprint, struct pairing *pairing)
{
    struct buffer uri;
    buffer_init(&uri, sizeof(pairing->uri) - 1);
    buffer_append_text(&uri, "sms-gateway://pair");
    url_append_parameter(&uri, "url", pairing->url);
    url_append_parameter(&uri, "code", pairing->code);
    if (*fingerprint)
        url_append_parameter(&uri, "ca", fingerprint);
    bool good = !uri.failed;
    if (good)
        snprintf(pairing->uri, sizeof(pairing->uri), "%s", uri.data);
    buffer_fini(&uri);
    return good;
}

bool pairing_make(const struct settings *settings, bool of_digits, struct pairing *pairing,
                  unsigned char code_hash[SECRET_HASH_BYTES], char errmsg[ERRMSG_SIZE])
{
    char fingerprint[CERTIFICATE_FINGERPRINT_SIZE];
    if (!public_url(settings, pairing->url, errmsg) ||
        !certificate_fingerprint(settings->tls_ca, fingerprint, errmsg))
        return false;
    bool made = of_digits ? pairing_digits_make(pairing->code, code_hash)
                          : pairing_code_make(pairing->code, code_hash);
    return (made && write_uri(fingerprint, pairing)) ||
           errmsg_set(errmsg, "cannot make a code: no memory or no randomness");
}
