/* The only file that knows libcrypto's certificates; secret.c has its hashes. */
#include "common/process/certificate.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

/* Or libcrypto would ask the terminal for one. */
static int no_password(char *text, int size, int for_writing, void *context)
{
    (void)text, (void)size, (void)for_writing, (void)context;
    return -1;
}

static X509 *read_certificate(const char *path)
{
    FILE *file = fopen(path, "re");
    X509 *certificate = file ? PEM_read_X509(file, NULL, no_password, NULL) : NULL;
    if (file)
        fclose(file);
    return certificate;
}

static EVP_PKEY *read_key(const char *path)
{
    FILE *file = fopen(path, "re");
    EVP_PKEY *key = file ? PEM_read_PrivateKey(file, NULL, no_password, NULL) : NULL;
    if (file)
        fclose(file);
    return key;
}

bool certificate_fingerprint(const char *path, char fingerprint[CERTIFICATE_FINGERPRINT_SIZE],
                             char errmsg[SETTINGS_ERRMSG_SIZE])
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    *fingerprint = '\0';
    if (*path == '\0')
        return true;
    FILE *file = fopen(path, "re");
    if (!file) {
        snprintf(errmsg, SETTINGS_ERRMSG_SIZE, "the certificate %.300s cannot be read: %s", path,
                 strerror(errno));
        return false;
    }
    X509 *certificate = PEM_read_X509(file, NULL, no_password, NULL);
    fclose(file);
    bool good = certificate && X509_digest(certificate, EVP_sha256(), hash, &length) == 1;
    X509_free(certificate);
    ERR_clear_error();
    if (!good) {
        snprintf(errmsg, SETTINGS_ERRMSG_SIZE, "%.300s has no certificate in PEM form", path);
        return false;
    }
    for (unsigned i = 0; i < length; i++)
        snprintf(fingerprint + 2 * (size_t)i, 3, "%02x", hash[i]);
    return true;
}

bool certificate_check_key(const char *certificate_path, const char *key_path, char *reason,
                           size_t size)
{
    X509 *certificate = read_certificate(certificate_path);
    EVP_PKEY *key = read_key(key_path);
    bool good = certificate && key && X509_check_private_key(certificate, key) == 1;
    if (!certificate)
        snprintf(reason, size, "%.200s has no certificate in PEM form", certificate_path);
    else if (!key)
        snprintf(reason, size, "%.200s has no private key in PEM form that needs no password",
                 key_path);
    else if (!good)
        snprintf(reason, size, "%.100s is not the key of the certificate %.100s", key_path,
                 certificate_path);
    X509_free(certificate);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return good;
}

bool certificate_check_public(const char *path, char *reason, size_t size)
{
    X509 *certificate = read_certificate(path);
    FILE *file = fopen(path, "re");
    char line[256];
    bool has_key = false;
    while (file && fgets(line, sizeof(line), file))
        has_key = has_key || strstr(line, "PRIVATE KEY");
    if (file)
        fclose(file);
    if (has_key)
        snprintf(reason, size,
                 "there is a private key in %.150s, and that file is served to everybody", path);
    else if (!certificate)
        snprintf(reason, size, "%.200s has no certificate in PEM form", path);
    bool good = certificate && !has_key;
    X509_free(certificate);
    ERR_clear_error();
    return good;
}

bool certificate_is_for(const char *path, const char *host)
{
    X509 *certificate = read_certificate(path);
    bool good = !certificate || X509_check_ip_asc(certificate, host, 0) == 1 ||
                X509_check_host(certificate, host, 0, 0, NULL) == 1;
    X509_free(certificate);
    ERR_clear_error();
    return good;
}

bool certificate_has_not_ended(const char *path)
{
    X509 *certificate = read_certificate(path);
    bool good = !certificate || X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0;
    X509_free(certificate);
    ERR_clear_error();
    return good;
}
