#include "tests/bench/load/websocket.h"

#include <stdio.h>
#include <string.h>

size_t websocket_write_head(unsigned char head[WEBSOCKET_HEAD_BYTES], int opcode, size_t length)
{
    size_t count = 0;
    head[count++] = (unsigned char)(0x80 | opcode);
    if (length < 126) {
        head[count++] = (unsigned char)(0x80 | length);
    } else {
        head[count++] = 0x80 | 126;
        head[count++] = (unsigned char)(length >> 8);
        head[count++] = (unsigned char)length;
    }
    memset(head + count, 0, 4); /* the key */
    return count + 4;
}

size_t websocket_read_head(const unsigned char *bytes, size_t count, int *opcode, size_t *length)
{
    if (count < 2)
        return 0;
    *opcode = bytes[0] & 15;
    *length = bytes[1] & 127u;
    if (*length < 126)
        return 2;
    if (*length == 127 || count < 4) /* the gateway has no frame of 64 KiB */
        return 0;
    *length = (size_t)bytes[2] << 8 | bytes[3];
    return 4;
}

size_t websocket_write_handshake(char *bytes, size_t size, const char *path, const char *protocol,
                                 const char *token)
{
    return (size_t)snprintf(bytes, size,
                            "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s%s%s%s%s%s\r\n",
                            path, protocol ? "Sec-WebSocket-Protocol: " : "",
                            protocol ? protocol : "", protocol ? "\r\n" : "",
                            token ? "Authorization: Bearer " : "", token ? token : "",
                            token ? "\r\n" : "");
}
