/* The only file that knows libcrypto's certificates; secret.c has its hashes. */
#include "certificate.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

/* Or libcrypto would ask the terminal for one. */
static int no_password(char *text, int size, int for_writing, void *context)
{
    (void)text, (void)size, (void)for_writing, (void)context;
    return -1;
}

bool certificate_fingerprint(const char *path, char fingerprint[CERTIFICATE_FINGERPRINT_SIZE],
                             char problem[SETTINGS_PROBLEM_SIZE])
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    *fingerprint = '\0';
    if (*path == '\0')
        return true;
    FILE *file = fopen(path, "re");
    if (!file) {
        snprintf(problem, SETTINGS_PROBLEM_SIZE, "the certificate %.300s cannot be read: %s", path,
                 strerror(errno));
        return false;
    }
    X509 *certificate = PEM_read_X509(file, NULL, no_password, NULL);
    fclose(file);
    bool good = certificate && X509_digest(certificate, EVP_sha256(), hash, &length) == 1;
    X509_free(certificate);
    ERR_clear_error();
    if (!good) {
        snprintf(problem, SETTINGS_PROBLEM_SIZE, "%.300s has no certificate in PEM form", path);
        return false;
    }
    for (unsigned i = 0; i < length; i++)
        snprintf(fingerprint + 2 * (size_t)i, 3, "%02x", hash[i]);
    return true;
}
