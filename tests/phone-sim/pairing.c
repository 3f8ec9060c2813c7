/* The only file that knows libcurl and OpenSSL. */
#include "tests/phone-sim/pairing.h"

#include "tests/phone-sim/console.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ANSWER_SIZE = 16384, CODE_SIZE = 64, FINGERPRINT_SIZE = 65, TIMEOUT_S = 30 };

struct link_parts {
    char url[PAIRING_URL_SIZE]; /* http:// or https:// */
    char code[CODE_SIZE];
    char ca[FINGERPRINT_SIZE]; /* empty: the CAs that this machine trusts */
};

struct answer {
    char text[ANSWER_SIZE];
    size_t length;
};

static bool PRINTF_FORMAT(1, 2) refuse(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    console_complain("phone-sim: --pair: ", format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return false;
}

/* ---- The link ---- */

/* The value of a parameter of the link, unescaped; empty without one. False when it has no room. */
static bool read_parameter(const char *link, const char *name, char *value, size_t size)
{
    char *query = NULL;
    bool good = true;
    CURLU *parts = curl_url();
    value[0] = '\0';
    if (parts && curl_url_set(parts, CURLUPART_URL, link, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK)
        curl_url_get(parts, CURLUPART_QUERY, &query, 0);
    for (char *next = query, *one; (one = strsep(&next, "&"));) {
        size_t length = strlen(name);
        if (strncmp(one, name, length) != 0 || one[length] != '=')
            continue;
        int value_length = 0;
        char *text = curl_easy_unescape(NULL, one + length + 1, 0, &value_length);
        good = text && (size_t)value_length < size && strlen(text) == (size_t)value_length;
        if (good)
            strcpy(value, text);
        curl_free(text);
    }
    curl_free(query);
    curl_url_cleanup(parts);
    return good;
}

static bool read_link(const char *link, struct link_parts *parts)
{
    static const char start[] = "sms-gateway://pair?";
    if (strncmp(link, start, sizeof(start) - 1) != 0 ||
        !read_parameter(link, "url", parts->url, sizeof(parts->url)) ||
        !read_parameter(link, "code", parts->code, sizeof(parts->code)) ||
        !read_parameter(link, "ca", parts->ca, sizeof(parts->ca)) ||
        strncmp(parts->url, "http", 4) != 0 || !*parts->code)
        return refuse("\"%.200s\" is no link as `sms-gateway devices pair` prints it", link);
    return true;
}

/* ---- HTTP ---- */

static size_t take_bytes(char *bytes, size_t size, size_t count, void *context)
{
    struct answer *answer = context;
    size_t length = size * count;
    if (length >= sizeof(answer->text) - answer->length)
        return 0;
    memcpy(answer->text + answer->length, bytes, length);
    answer->length += length;
    answer->text[answer->length] = '\0';
    return length;
}

/* GET, or POST with a body; the status, or 0 after a line on stderr. `ca_path`: the CA it trusts; NULL:
   nobody is asked who it is; empty: those of this machine. */
static long ask(const char *url, const char *body, const char *ca_path, struct answer *answer)
{
    char problem[CURL_ERROR_SIZE] = "";
    long status = 0;
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    *answer = (struct answer){0};
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*"); /* as link.c: straight to the gateway */
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, problem);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    if (!ca_path) {
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    } else if (*ca_path) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, ca_path);
        curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    }
    if (body) {
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    }
    CURLcode code = curl_easy_perform(curl);
    if (code == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    else
        refuse("%s: %s", url, *problem ? problem : curl_easy_strerror(code));
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return status;
}

/* ---- The CA ---- */

/* The first certificate of a text in PEM form; NULL without one. */
static X509 *read_certificate(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    return certificate;
}

/* SHA-256 of its DER form, in hex. */
static bool fingerprint_of(const X509 *certificate, char fingerprint[FINGERPRINT_SIZE])
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (!X509_digest(certificate, EVP_sha256(), hash, &length) || length != 32)
        return false;
    for (unsigned i = 0; i < length; i++)
        snprintf(fingerprint + (size_t)2 * i, 3, "%02x", hash[i]);
    return true;
}

/* That one certificate, whatever else was sent with it. */
static bool keep_certificate(X509 *certificate, const char *path)
{
    FILE *file = fopen(path, "w");
    bool good = file && PEM_write_X509(file, certificate);
    if (file && fclose(file) != 0)
        good = false;
    return good || refuse("%s cannot be written: %s", path, strerror(errno));
}

/* The certificate is not verified here: the fingerprint decides. */
static bool fetch_ca(const struct link_parts *parts, const char *path)
{
    char url[PAIRING_URL_SIZE + 16], fingerprint[FINGERPRINT_SIZE];
    struct answer answer;
    snprintf(url, sizeof(url), "%s/ca.crt", parts->url);
    long status = ask(url, NULL, NULL, &answer);
    if (status == 0)
        return false;
    X509 *certificate = status == 200 ? read_certificate(answer.text) : NULL;
    bool good = false;
    if (!certificate || !fingerprint_of(certificate, fingerprint))
        refuse("%s has no certificate (HTTP status %ld)", url, status);
    else if (strcasecmp(fingerprint, parts->ca) != 0)
        refuse("%s is not the CA of the link: another machine may have answered", url);
    else
        good = keep_certificate(certificate, path);
    X509_free(certificate);
    return good;
}

/* ---- The token ---- */

static bool take_answer(const char *text, struct pairing *pairing)
{
    cJSON *json = cJSON_Parse(text);
    const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "device_id"));
    const char *token = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "token"));
    bool good = id && token && strlen(id) < sizeof(pairing->id) &&
                strlen(token) < sizeof(pairing->token);
    if (good) {
        strcpy(pairing->id, id);
        strcpy(pairing->token, token);
    }
    cJSON_Delete(json);
    return good;
}

static bool ask_for_token(const struct link_parts *parts, struct pairing *pairing)
{
    char url[PAIRING_URL_SIZE + 16];
    struct answer answer;
    cJSON *body = cJSON_CreateObject();
    cJSON_AddStringToObject(body, "code", parts->code);
    if (*pairing->id)
        cJSON_AddStringToObject(body, "device_id", pairing->id);
    char *text = cJSON_PrintUnformatted(body);
    snprintf(url, sizeof(url), "%s/api/pair", parts->url);
    long status = ask(url, text, pairing->ca_path, &answer);
    free(text);
    cJSON_Delete(body);
    if (status == 0)
        return false;
    if (status != 201 || !take_answer(answer.text, pairing))
        return refuse("%s answers %ld: %.600s", url, status, answer.text);
    return true;
}

static bool keep_token(const char *path, const struct pairing *pairing)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    bool good = fd >= 0 && dprintf(fd, "%s %s\n", pairing->id, pairing->token) > 0 &&
                fsync(fd) == 0;
    if (!good)
        refuse("%s cannot be written: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return good;
}

bool pairing_run(const char *link, const char *tokens_path, struct pairing *pairing)
{
    struct link_parts parts = {0};
    if (!read_link(link, &parts))
        return false;
    pairing->ca_path[0] = '\0';
    if (*parts.ca) {
        snprintf(pairing->ca_path, sizeof(pairing->ca_path), "%.500s.ca", tokens_path);
        if (!fetch_ca(&parts, pairing->ca_path))
            return false;
    }
    snprintf(pairing->url, sizeof(pairing->url), "ws%.390s", parts.url + strlen("http"));
    return ask_for_token(&parts, pairing) && keep_token(tokens_path, pairing);
}
