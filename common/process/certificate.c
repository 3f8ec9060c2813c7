/* The only file that uses libcrypto for certificates; secret.c uses it for hashes. */
#include "common/process/certificate.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

/* Without this callback libcrypto would ask on the terminal. */
static int no_password(char *text, int size, int for_writing, void *context)
{
    (void)text, (void)size, (void)for_writing, (void)context;
    return -1;
}

/* NULL with errmsg. */
static X509 *read_certificate(const char *path, char errmsg[ERRMSG_SIZE])
{
    FILE *file = fopen(path, "re");
    if (!file) {
        errmsg_set(errmsg, "cannot read the certificate %.300s: %s", path, strerror(errno));
        return NULL;
    }
    X509 *certificate = PEM_read_X509(file, NULL, no_password, NULL);
    fclose(file);
    ERR_clear_error();
    if (!certificate)
        errmsg_set(errmsg, "%.300s contains no PEM certificate", path);
    return certificate;
}

/* NULL with errmsg. */
static EVP_PKEY *read_key(const char *path, char errmsg[ERRMSG_SIZE])
{
    FILE *file = fopen(path, "re");
    EVP_PKEY *key = file ? PEM_read_PrivateKey(file, NULL, no_password, NULL) : NULL;
    if (file)
        fclose(file);
    ERR_clear_error();
    if (!key)
        errmsg_set(errmsg, "%.300s contains no PEM private key without a password", path);
    return key;
}

bool certificate_fingerprint(const char *path, char fingerprint[CERTIFICATE_FINGERPRINT_SIZE],
                             char errmsg[ERRMSG_SIZE])
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    *fingerprint = '\0';
    if (*path == '\0')
        return true;
    X509 *certificate = read_certificate(path, errmsg);
    if (!certificate)
        return false;
    bool good = X509_digest(certificate, EVP_sha256(), hash, &length) == 1;
    X509_free(certificate);
    ERR_clear_error();
    if (!good)
        return errmsg_set(errmsg, "cannot hash the certificate in %.300s", path);
    for (unsigned i = 0; i < length; i++)
        snprintf(fingerprint + 2 * (size_t)i, 3, "%02x", hash[i]);
    return true;
}

bool certificate_check_key(const char *certificate_path, const char *key_path,
                           char errmsg[ERRMSG_SIZE])
{
    X509 *certificate = read_certificate(certificate_path, errmsg);
    EVP_PKEY *key = certificate ? read_key(key_path, errmsg) : NULL;
    bool good = key && X509_check_private_key(certificate, key) == 1;
    if (key && !good)
        errmsg_set(errmsg, "%.200s is not the private key of the certificate %.200s", key_path,
                   certificate_path);
    X509_free(certificate);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return good;
}

static bool has_private_key(const char *path)
{
    FILE *file = fopen(path, "re");
    char line[256];
    bool has_key = false;
    while (file && fgets(line, sizeof(line), file))
        has_key = has_key || strstr(line, "PRIVATE KEY");
    if (file)
        fclose(file);
    return has_key;
}

bool certificate_check_public(const char *path, char errmsg[ERRMSG_SIZE])
{
    if (has_private_key(path))
        return errmsg_set(
            errmsg, "%.300s contains a private key, and this file is served to everyone", path);
    X509 *certificate = read_certificate(path, errmsg);
    X509_free(certificate);
    return certificate != NULL;
}

enum certificate_validity certificate_check_host(const char *path, const char *host)
{
    char errmsg[ERRMSG_SIZE];
    enum certificate_validity validity = CERTIFICATE_VALID;
    X509 *certificate = read_certificate(path, errmsg);
    if (!certificate)
        return CERTIFICATE_VALID;
    if (X509_check_ip_asc(certificate, host, 0) != 1 &&
        X509_check_host(certificate, host, 0, 0, NULL) != 1)
        validity = CERTIFICATE_OTHER_HOST;
    else if (X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0)
        validity = CERTIFICATE_EXPIRED;
    X509_free(certificate);
    ERR_clear_error();
    return validity;
}
