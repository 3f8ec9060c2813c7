#include "ws-broker/net/ws_reader.h"

#include "ws-broker/net/ws_frame.h"

#include <string.h>

enum {
    FIN = 0x80,
    RESERVED = 0x70,
    OPCODE = 0x0f,
    MASKED = 0x80,
    LENGTH = 0x7f,
    MASK_BYTES = 4,
    IS_CONTROL = 8, /* of an opcode */
    BINARY = 2,
};

static int opcode_of(const struct ws_reader *reader)
{
    return reader->head[0] & OPCODE;
}

/* The length of the head, known from its second byte on. */
static size_t head_size(const struct ws_reader *reader)
{
    if (reader->head_length < 2)
        return 2;
    unsigned length = reader->head[1] & LENGTH;
    return 2 + (length == 126 ? 2 : length == 127 ? 8 : 0) + MASK_BYTES;
}

/* Checks the first two bytes: all rules but those about the value of the length. */
static bool begins_well(const struct ws_reader *reader)
{
    int opcode = opcode_of(reader);
    bool fin = reader->head[0] & FIN;
    if (reader->head[0] & RESERVED || !(reader->head[1] & MASKED)) /* 5.2, 5.1 */
        return false;
    if (opcode & IS_CONTROL) /* 5.5 */
        return opcode <= WS_FRAME_PONG && fin && (reader->head[1] & LENGTH) <= WS_CONTROL_BYTES;
    return opcode <= BINARY && (opcode == WS_FRAME_CONTINUATION) == reader->in_message; /* 5.4 */
}

/* The length of the payload; false when it was not written in the fewest bytes, or has its highest bit set (5.2). */
static bool read_length(const struct ws_reader *reader, uint64_t *length)
{
    unsigned first = reader->head[1] & LENGTH;
    size_t digits = head_size(reader) - 2 - MASK_BYTES;
    *length = first;
    if (digits > 0)
        *length = 0;
    for (size_t i = 0; i < digits; i++)
        *length = *length << 8 | reader->head[2 + i];
    return digits == 0 || (digits == 2 ? *length > 125 : *length > 65535 && *length >> 63 == 0);
}

/* Takes bytes of a head; true when it is complete. */
static bool take_head(struct ws_reader *reader, unsigned char **bytes, size_t *length)
{
    while (*length > 0 && !reader->broken && reader->head_length < head_size(reader)) {
        reader->head[reader->head_length++] = *(*bytes)++;
        --*length;
        if (reader->head_length == 2)
            reader->broken = !begins_well(reader);
    }
    if (reader->broken || reader->head_length < head_size(reader))
        return false;
    reader->broken = !read_length(reader, &reader->left);
    return !reader->broken;
}

static void unmask(struct ws_reader *reader, unsigned char *bytes, size_t length)
{
    const unsigned char *mask = reader->head + head_size(reader) - MASK_BYTES;
    for (size_t i = 0; i < length; i++)
        bytes[i] ^= mask[reader->mask_at++ % MASK_BYTES];
    reader->left -= length;
}

static void end_frame(struct ws_reader *reader)
{
    reader->head_length = 0;
    reader->in_payload = false;
}

/* A piece of a control frame; the event comes with the last one. */
static void take_control(struct ws_reader *reader, unsigned char **bytes, size_t *length,
                         struct ws_event *event)
{
    size_t taken = (size_t)MIN(reader->left, *length);
    unsigned char *place = reader->control + reader->control_length;
    memcpy(place, *bytes, taken);
    unmask(reader, place, taken);
    reader->control_length = (unsigned char)(reader->control_length + taken);
    *bytes += taken;
    *length -= taken;
    if (reader->left > 0)
        return;
    int opcode = opcode_of(reader);
    *event = (struct ws_event){
        .type = opcode == WS_FRAME_PING   ? WS_EVENT_PING
                : opcode == WS_FRAME_PONG ? WS_EVENT_PONG
                                          : WS_EVENT_CLOSE,
        .bytes = reader->control,
        .length = reader->control_length,
    };
    end_frame(reader);
}

static void take_data(struct ws_reader *reader, bool with_head, unsigned char **bytes,
                      size_t *length, struct ws_event *event)
{
    size_t taken = (size_t)MIN(reader->left, *length);
    int opcode = opcode_of(reader);
    bool is_first = with_head && opcode != WS_FRAME_CONTINUATION;
    if (is_first)
        reader->is_binary = opcode == BINARY;
    unmask(reader, *bytes, taken);
    *event = (struct ws_event){
        .type = WS_EVENT_DATA,
        .bytes = *bytes,
        .length = taken,
        .is_first = is_first,
        .is_binary = reader->is_binary,
        .announced = reader->left,
    };
    *bytes += taken;
    *length -= taken;
    if (reader->left > 0)
        return;
    reader->in_message = !(reader->head[0] & FIN);
    event->is_last = !reader->in_message;
    end_frame(reader);
}

void ws_reader_next(struct ws_reader *reader, unsigned char **bytes, size_t *length,
                    struct ws_event *event)
{
    bool was_broken = reader->broken, with_head = false;
    *event = (struct ws_event){.type = WS_EVENT_NONE};
    if (!was_broken && !reader->in_payload && take_head(reader, bytes, length)) {
        reader->in_payload = with_head = true;
        reader->mask_at = 0;
        reader->control_length = 0;
        reader->frames++;
    }
    if (reader->broken) { /* the event comes once */
        *bytes += *length;
        *length = 0;
        event->type = was_broken ? WS_EVENT_NONE : WS_EVENT_BROKEN;
    } else if (reader->in_payload && (with_head || *length > 0)) {
        if (opcode_of(reader) & IS_CONTROL)
            take_control(reader, bytes, length, event);
        else
            take_data(reader, with_head, bytes, length, event);
    }
}
