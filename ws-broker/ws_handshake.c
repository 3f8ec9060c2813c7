#include "ws_handshake.h"

#include "../common/protocol.h"
#include "ws_refusal.h"

#include <libwebsockets.h>
#include <string.h>

bool ws_handshake_device_id(struct lws *wsi, char device_id[DEVICE_ID_SIZE])
{
    char path[sizeof(PROTOCOL_PATH_PREFIX) + DEVICE_ID_SIZE];
    size_t prefix = strlen(PROTOCOL_PATH_PREFIX);
    if (lws_hdr_copy(wsi, path, sizeof(path), WSI_TOKEN_GET_URI) <= 0 ||
        strncmp(path, PROTOCOL_PATH_PREFIX, prefix) != 0 || !device_id_valid(path + prefix))
        return false;
    strcpy(device_id, path + prefix);
    return true;
}

bool ws_handshake_token_id(struct lws *wsi, char token_id[SECRET_ID_SIZE])
{
    char value[256];
    token_id[0] = '\0';
    if (lws_hdr_copy(wsi, value, sizeof(value), WSI_TOKEN_HTTP_AUTHORIZATION) <= 0)
        return false;
    const char *token = secret_of_bearer(value);
    return token && secret_parse(SECRET_DEVICE_TOKEN, token, token_id);
}

int ws_handshake_refuse(struct lws *wsi, enum error error, const char *detail)
{
    unsigned char head[LWS_PRE + 1024], body[LWS_PRE + 1024];
    unsigned char *start = head + LWS_PRE, *p = start, *end = head + sizeof(head) - 1;
    unsigned status = (unsigned)error_http_status(error);
    struct buffer text;
    char request_id[65] = "";

    lws_hdr_custom_copy(wsi, request_id, sizeof(request_id), "x-request-id:", 13);
    buffer_init(&text, sizeof(body) - LWS_PRE);
    ws_refusal_write_body(&text, error, detail, request_id);
    int result = -1;
    if (!text.failed &&
        !lws_add_http_common_headers(wsi, status, "application/problem+json", text.length, &p,
                                     end) &&
        !lws_finalize_write_http_header(wsi, start, &p, end)) {
        memcpy(body + LWS_PRE, text.data, text.length);
        if (lws_write(wsi, body + LWS_PRE, text.length, LWS_WRITE_HTTP_FINAL) >= 0)
            result = 1;
    }
    buffer_fini(&text);
    return result;
}

/* Nothing but the one word: libwebsockets would take any of our protocols from a list. */
static bool wants_assured(struct lws *wsi)
{
    char protocol[sizeof(PROTOCOL_ASSURED)] = "";
    return lws_hdr_copy(wsi, protocol, sizeof(protocol), WSI_TOKEN_PROTOCOL) > 0 &&
           strcmp(protocol, PROTOCOL_ASSURED) == 0;
}

int ws_handshake_confirm(struct lws *wsi, enum error admission)
{
    char device_id[DEVICE_ID_SIZE], upgrade[32] = "";
    /* Not through `in`, which libwebsockets 4.1.6 may have freed; and not h2c, whose parser it
       would start before anybody is asked. */
    lws_hdr_copy(wsi, upgrade, sizeof(upgrade), WSI_TOKEN_UPGRADE);
    if (strcasecmp(upgrade, "websocket") != 0)
        return ws_handshake_refuse(wsi, ERROR_UPGRADE_REQUIRED,
                                   "Only an upgrade to websocket is possible here.");
    if (lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) <= 0)
        return ws_handshake_refuse(wsi, ERROR_UPGRADE_REQUIRED, "The handshake is a GET.");
    if (!ws_handshake_device_id(wsi, device_id))
        return ws_handshake_refuse(
            wsi, ERROR_NOT_FOUND,
            "A phone connects to /ws/device/ and its device id: 1 to 64 letters, "
            "digits, _ and -.");
    if (lws_hdr_total_length(wsi, WSI_TOKEN_PROTOCOL) > 0 && !wants_assured(wsi))
        return ws_handshake_refuse(wsi, ERROR_MALFORMED_REQUEST,
                                   "Sec-WebSocket-Protocol must be " PROTOCOL_ASSURED
                                   ", or missing.");
    if (admission != ERROR_NONE)
        return ws_handshake_refuse(wsi, admission, "Try again in a minute.");
    return 0;
}
