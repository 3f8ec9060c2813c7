#include "ws-broker/net/ws_frame.h"

#include <string.h>

enum { FIN = 0x80, LONGEST_HEAD = 10 };

size_t ws_frame_begin(struct buffer *out)
{
    buffer_append(out, (char[LONGEST_HEAD]){0}, LONGEST_HEAD);
    return out->length;
}

/* Writes the head for a payload of that length; returns the length of the head. */
static size_t write_head(unsigned char head[LONGEST_HEAD], int opcode, size_t length)
{
    size_t digits = length <= 125 ? 0 : length <= 65535 ? 2 : 8; /* bytes of the length */
    head[0] = (unsigned char)(FIN | opcode);
    head[1] = (unsigned char)(digits == 0 ? length : digits == 2 ? 126 : 127);
    for (size_t i = 0; i < digits; i++)
        head[2 + i] = (unsigned char)(length >> 8 * (digits - 1 - i));
    return 2 + digits;
}

void ws_frame_end(struct buffer *out, size_t begin, int opcode)
{
    if (out->failed)
        return;
    char *payload = out->data + begin;
    unsigned char head[LONGEST_HEAD];
    size_t length = out->length - begin, head_length = write_head(head, opcode, length);
    char *frame = payload - LONGEST_HEAD;
    memmove(frame + head_length, payload, length + 1);
    memcpy(frame, head, head_length);
    out->length -= LONGEST_HEAD - head_length;
}

void ws_frame_abandon(struct buffer *out, size_t begin)
{
    if (out->failed)
        return;
    out->length = begin - LONGEST_HEAD;
    out->data[out->length] = '\0';
}

bool ws_frame_close_is_valid(const unsigned char *payload, size_t length)
{
    if (length < 2)
        return length == 0;
    int code = payload[0] << 8 | payload[1];
    bool is_defined = code >= 1000 && code <= 1014 && !(code >= 1004 && code <= 1006);
    return is_defined || (code >= 3000 && code <= 4999);
}
