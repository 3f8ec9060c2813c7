#include "ws-broker/net/ws_handshake.h"

#include "common/model/protocol.h"

#include <string.h>

/* ---- Reading ---- */

/* Copies text[length]; false when it is too long, or `place` is not empty. */
static bool take(char *place, size_t size, const char *text, size_t length)
{
    if (*place || length >= size)
        return false;
    memcpy(place, text, length);
    place[length] = '\0';
    return true;
}

static const char stream_request[] = "GET /mobile/events HTTP/1.1";

bool ws_handshake_is_for_stream(const char *head, size_t length)
{
    size_t request_length = sizeof(stream_request) - 1;
    return length >= request_length && memcmp(head, stream_request, request_length) == 0;
}

static bool take_path(struct ws_handshake *handshake, const char *line, size_t length)
{
    static const char start[] = "GET " PROTOCOL_PATH_PREFIX, end[] = " HTTP/1.1";
    size_t start_length = sizeof(start) - 1, end_length = sizeof(end) - 1;
    handshake->is_stream = length == sizeof(stream_request) - 1 &&
                           ws_handshake_is_for_stream(line, length);
    if (handshake->is_stream)
        return true;
    return length > start_length + end_length && memcmp(line, start, start_length) == 0 &&
           memcmp(line + length - end_length, end, end_length) == 0 &&
           take(handshake->device_id, sizeof(handshake->device_id), line + start_length,
                length - start_length - end_length) &&
           device_id_valid(handshake->device_id);
}

static bool take_token(struct ws_handshake *handshake, const char *text, size_t length)
{
    char value[256] = "";
    if (!take(value, sizeof(value), text, length))
        return false;
    const char *token = secret_bearer_token(value);
    if (token && strlen(token) >= sizeof(handshake->token))
        token = "?"; /* not a token either */
    return !token || take(handshake->token, sizeof(handshake->token), token, strlen(token));
}

/* A header that is too long becomes "?", which is never valid. */
static bool take_value(char *place, size_t size, const char *text, size_t length)
{
    return length < size ? take(place, size, text, length) : take(place, size, "?", 1);
}

static bool take_header(struct ws_handshake *handshake, const char *line, size_t length)
{
    const struct {
        const char *name;
        char *place;
        size_t size;
    } headers[] = {
        {"authorization", NULL, 0},
        {"x-request-id", handshake->request_id, sizeof(handshake->request_id)},
        {"upgrade", handshake->upgrade, sizeof(handshake->upgrade)},
        {"sec-websocket-version", handshake->version, sizeof(handshake->version)},
        {"sec-websocket-key", handshake->key, sizeof(handshake->key)},
        {"sec-websocket-protocol", handshake->subprotocol, sizeof(handshake->subprotocol)},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(headers); i++) {
        size_t name_length = strlen(headers[i].name);
        if (length <= name_length || line[name_length] != ':' ||
            strncasecmp(line, headers[i].name, name_length) != 0)
            continue;
        const char *text = line + name_length + 1, *end = line + length;
        while (text < end && *text == ' ')
            text++;
        return headers[i].place
                   ? take_value(headers[i].place, headers[i].size, text, (size_t)(end - text))
                   : take_token(handshake, text, (size_t)(end - text));
    }
    return true;
}

bool ws_handshake_read(const char *head, size_t length, struct ws_handshake *handshake)
{
    const char *end = head + length;
    bool first = true;
    *handshake = (struct ws_handshake){0};
    if (memchr(head, '\0', length))
        return false;
    for (const char *line = head, *next; line < end; line = next) {
        const char *line_end = memchr(line, '\r', (size_t)(end - line));
        if (!line_end || line_end + 1 == end || line_end[1] != '\n')
            return false;
        size_t line_length = (size_t)(line_end - line);
        next = line_end + 2;
        if (memchr(line, '\n', line_length))
            return false;
        if (line_length == 0)
            return !first && next == end; /* nothing may follow: a device waits for the answer */
        if (first ? !take_path(handshake, line, line_length)
                  : !take_header(handshake, line, line_length))
            return false;
        first = false;
    }
    return false;
}

/* ---- Checking and answering ---- */

/* 16 bytes in base 64 (RFC 6455, 4.1). */
static bool is_key(const char *key)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    return strspn(key, digits) == 22 && strcmp(key + 22, "==") == 0;
}

enum error ws_handshake_check(const struct ws_handshake *handshake, const char **detail)
{
    if (handshake->is_stream)
        return ERROR_NONE;
    *detail = "Connect with WebSocket, version 13 (RFC 6455).";
    if (strcasecmp(handshake->upgrade, "websocket") != 0 || strcmp(handshake->version, "13") != 0)
        return ERROR_UPGRADE_REQUIRED;
    *detail = "Sec-WebSocket-Key must be 16 bytes in base 64.";
    if (!is_key(handshake->key))
        return ERROR_MALFORMED_REQUEST;
    *detail = "Sec-WebSocket-Protocol must be " PROTOCOL_ASSURED ", or missing.";
    if (!ws_handshake_protocol(handshake))
        return ERROR_MALFORMED_REQUEST;
    return ERROR_NONE;
}

const struct device_protocol *ws_handshake_protocol(const struct ws_handshake *handshake)
{
    return handshake->is_stream ? &device_protocol_polled
                                : device_protocol_find(handshake->subprotocol);
}

void ws_handshake_accept(struct buffer *out, const struct ws_handshake *handshake)
{
    char accept[WEBSOCKET_ANSWER_SIZE];
    if (handshake->is_stream) {
        buffer_append_text(out, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                "Cache-Control: no-store\r\nConnection: close\r\n\r\n:ok\n\n");
        return;
    }
    secret_websocket_accept(handshake->key, accept);
    buffer_append_text(out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                            "Connection: Upgrade\r\nSec-WebSocket-Accept: ");
    buffer_append_text(out, accept);
    if (*handshake->subprotocol) {
        buffer_append_text(out, "\r\nSec-WebSocket-Protocol: ");
        buffer_append_text(out, handshake->subprotocol);
    }
    buffer_append_text(out, "\r\n\r\n");
}
