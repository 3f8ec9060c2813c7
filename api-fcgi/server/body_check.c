#include "api-fcgi/server/body_check.h"

#include "api-fcgi/server/api.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- Content-Encoding ---- */

static bool refuse_coding(struct http_exchange *exchange, const char *coding)
{
    static const char compressions[] = " gzip x-gzip deflate compress x-compress br zstd zip"
                                       " bzip2 x-bzip2 xz x-xz lz4 ";
    char word[80];
    snprintf(word, sizeof(word), " %s ", coding);
    http_add_header(exchange, "Accept-Encoding", "identity");
    if (strstr(compressions, word))
        http_problem(exchange, ERROR_UNSUPPORTED_MEDIA_TYPE,
                     "Compressed bodies (%s) are not supported; send the body uncompressed, without"
                     " a Content-Encoding header.",
                     coding);
    else
        http_problem(exchange, ERROR_UNSUPPORTED_MEDIA_TYPE,
                     "Content-Encoding %s is not supported; remove the header. A charset belongs in"
                     " Content-Type.",
                     coding);
    return false;
}

/* The first token of a header's value, in lower case, for an answer. */
static const char *token(const char *value, char text[64])
{
    size_t length = 0;
    while (length < 63 && (isalnum((unsigned char)value[length]) ||
                           (value[length] && strchr("!#$&^_.+-/", value[length])))) {
        text[length] = (char)tolower((unsigned char)value[length]);
        length++;
    }
    text[length] = '\0';
    return *text ? text : "something else";
}

static bool check_coding(struct http_exchange *exchange)
{
    const char *value = exchange->request.content_encoding;
    char text[64];
    for (value += strspn(value, " \t,"); *value; value += strspn(value, " \t,")) {
        size_t length = strcspn(value, " \t,");
        if (length != 8 || strncasecmp(value, "identity", 8) != 0)
            return refuse_coding(exchange, token(value, text));
        value += length;
    }
    return true;
}

/* ---- Content-Type ---- */

static const char *advice(const char *type)
{
    static const struct {
        const char *type, *advice;
    } known[] = {
        {"application/x-www-form-urlencoded",
         "; curl -d and forms send that by default: set the header and send a JSON object"},
        {"multipart/form-data", "; curl -F and forms send that: send a JSON object instead"},
        {"text/plain", "; fetch() and others send that for a string: set the header"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(known); i++) {
        if (strcmp(known[i].type, type) == 0)
            return known[i].advice;
    }
    return "";
}

static bool refuse_type(struct http_exchange *exchange, bool may_be_csv)
{
    static const char form[] = "only parameters may follow, after a semicolon";
    const char *wanted = may_be_csv ? "application/json or text/csv" : "application/json";
    const char *type = exchange->request.content_type;
    char text[64];
    if (*type == '\0') {
        http_problem(exchange, ERROR_UNSUPPORTED_MEDIA_TYPE,
                     "The Content-Type header is missing; send Content-Type: %s.", wanted);
        return false;
    }
    type = token(type, text);
    if (strcmp(type, "application/json") == 0 || (may_be_csv && strcmp(type, "text/csv") == 0))
        http_problem(exchange, ERROR_UNSUPPORTED_MEDIA_TYPE, "Content-Type must be %s; %s.", type,
                     form);
    else
        http_problem(exchange, ERROR_UNSUPPORTED_MEDIA_TYPE, "Content-Type must be %s, not %s%s.",
                     wanted, type, advice(type));
    return false;
}

static bool is_utf8(const char *charset, size_t length)
{
    static const char *const names[] = {"utf-8", "utf8", "us-ascii"}; /* ASCII is a subset of it */
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        if (strlen(names[i]) == length && strncasecmp(charset, names[i], length) == 0)
            return true;
    }
    return false;
}

/* Parameters other than the charset are ignored: JSON has none (RFC 8259, 11). */
static bool check_charset(struct http_exchange *exchange, const char *parameters)
{
    char text[64];
    for (const char *p = strchr(parameters, ';'); p; p = strchr(p, ';')) {
        p += 1 + strspn(p + 1, " \t");
        if (strncasecmp(p, "charset=", 8) != 0)
            continue;
        p += 8;
        bool quoted = *p == '"';
        p += quoted;
        size_t length = strcspn(p, quoted ? "\"" : "; \t");
        if (is_utf8(p, length))
            continue;
        http_problem(
            exchange, ERROR_UNSUPPORTED_MEDIA_TYPE,
            "The charset %s is not supported; send the body in UTF-8 and leave out the charset.",
            length == 0 ? "\"\"" : token(p, text));
        return false;
    }
    return true;
}

/* What follows the media type in the header; NULL: it is another type. */
static const char *parameters_of(const char *header, const char *type)
{
    size_t length = strlen(type);
    if (strncasecmp(header, type, length) != 0)
        return NULL;
    while (isspace((unsigned char)header[length]))
        length++;
    return header[length] == '\0' || header[length] == ';' ? header + length : NULL;
}

static bool check_type(struct http_exchange *exchange, bool may_be_csv)
{
    struct http_request *request = &exchange->request;
    const char *parameters = parameters_of(request->content_type, "application/json");
    request->is_csv = !parameters && may_be_csv;
    if (request->is_csv)
        parameters = parameters_of(request->content_type, "text/csv");
    if (!parameters)
        return refuse_type(exchange, may_be_csv);
    return check_charset(exchange, parameters);
}

/* ---- The first bytes ---- */

static bool starts_with(const struct buffer *body, const char *bytes, size_t length)
{
    return body->length >= length && memcmp(body->data, bytes, length) == 0;
}

/* The compression of a body without Content-Encoding, by its signature; NULL: none. */
static const char *compression(const struct buffer *body)
{
    static const struct {
        const char *bytes;
        size_t length;
        const char *name;
    } signatures[] = {
        {"\x1f\x8b", 2, "gzip"},
        {"\x78\x01", 2, "deflate"},
        {"\x78\x9c", 2, "deflate"},
        {"\x78\xda", 2, "deflate"},
        {"\x28\xb5\x2f\xfd", 4, "zstd"},
        {"PK\x03\x04", 4, "zip"},
        {"BZh", 3, "bzip2"},
        {"\xfd"
         "7zXZ",
         5, "xz"},
        {"\x04\x22\x4d\x18", 4, "lz4"},
        {"\x1f\x9d", 2, "compress"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(signatures); i++) {
        if (starts_with(body, signatures[i].bytes, signatures[i].length))
            return signatures[i].name;
    }
    return NULL;
}

/* Zeros alternate with other bytes at the start of the body. A single one at the start is the length that Java's writeUTF puts there. */
static bool has_every_second_zero(const struct buffer *body)
{
    const char *data = body->data;
    bool first = body->length >= 2 && (data[0] == '\0') != (data[1] == '\0');
    return first && (body->length < 4 || ((data[2] == '\0') == (data[0] == '\0') &&
                                          (data[3] == '\0') == (data[1] == '\0')));
}

/* JSON begins with an ASCII character, so the zeros next to it show the encoding (RFC 4627, 3). */
static const char *other_unicode(const struct buffer *body)
{
    if (starts_with(body, "\xff\xfe\0\0", 4) || starts_with(body, "\0\0\xfe\xff", 4) ||
        starts_with(body, "\0\0\0", 3))
        return "UTF-32";
    if (body->length >= 4 && body->data[0] != '\0' && memcmp(body->data + 1, "\0\0\0", 3) == 0)
        return "UTF-32";
    if (starts_with(body, "\xff\xfe", 2) || starts_with(body, "\xfe\xff", 2) ||
        has_every_second_zero(body))
        return "UTF-16";
    return NULL;
}

static bool check_bytes(struct http_exchange *exchange)
{
    const struct buffer *body = &exchange->request.body;
    const char *coding = compression(body), *encoding = other_unicode(body);
    bool is_csv = exchange->request.is_csv;
    if (coding && !(is_csv && strcmp(coding, "zip") == 0)) /* a workbook: csv.h says so */
        return refuse_coding(exchange, coding);
    if (is_csv)
        return true;
    if (encoding) {
        http_problem(exchange, ERROR_MALFORMED_JSON, "The body is encoded in %s; send UTF-8.",
                     encoding);
        return false;
    }
    if (starts_with(body, "\xef\xbb\xbf", 3)) {
        http_problem(exchange, ERROR_MALFORMED_JSON,
                     "The body begins with a byte order mark (U+FEFF); remove it.");
        return false;
    }
    return true;
}

bool body_check_request(struct http_exchange *exchange, bool may_be_csv)
{
    const struct http_request *request = &exchange->request;
    if (request->repeated_header) {
        http_problem(exchange, ERROR_MALFORMED_REQUEST, "The %s header occurs more than once.",
                     request->repeated_header);
        return false;
    }
    if (!check_coding(exchange) || !check_type(exchange, may_be_csv))
        return false;
    if (request->body_lost)
        http_problem(exchange, ERROR_INTERNAL, "Not enough memory for the body.");
    else if (request->body.failed)
        http_problem(exchange, ERROR_BODY_TOO_LARGE, "The limit is %zu bytes (%s).",
                     request->body.max_length,
                     request->body.max_length ==
                             (size_t)exchange->api->settings->max_batch_body_bytes
                         ? "MAX_BATCH_BODY_BYTES"
                         : "MAX_BODY_BYTES");
    else if (request->body_cut)
        http_problem(exchange, ERROR_MALFORMED_REQUEST, "The body is shorter than Content-Length.");
    else if (request->body.length == 0)
        http_problem(exchange, ERROR_EMPTY_BODY,
                     request->is_csv ? "Send a header row and the messages as the body."
                                     : "Send a JSON object as the body.");
    else
        return check_bytes(exchange);
    return false;
}

bool body_check_is_missing(const struct http_exchange *exchange)
{
    const struct http_request *request = &exchange->request;
    return request->body.length == 0 && !request->body.failed && !request->body_cut &&
           !request->body_lost;
}
