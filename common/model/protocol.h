/*
 * The names of the device protocol. ws-broker/PROTOCOL.md explains them; the simulated phone uses these constants and
 * nothing else of the gateway.
 */
#ifndef COMMON_MODEL_PROTOCOL_H
#define COMMON_MODEL_PROTOCOL_H

#define PROTOCOL_PATH_PREFIX "/ws/device/"
/* The detail of the answer to any other path. */
#define PROTOCOL_PATH_ERROR                                                                        \
    "A device connects to /ws/device/{device_id}; a device id has 1 to 64 letters, digits, _ and " \
    "-."

/* The assured level, as a subprotocol */
#define PROTOCOL_ASSURED "sms-gateway.v1"

/* FRAME_HELLO, FRAME_OFFER, ...: the types of the frames */
#define FRAME_IN(name, type, level, phase, reader, handler) static const char FRAME_##name[] = type;
#define FRAME_OUT(name, type, level)                        static const char FRAME_##name[] = type;
#include "common/model/frames.def"

/* The longest frame to a device: the longest text, 255 segments (MAX_MESSAGE_SEGMENTS), and the rest. JSON needs at most
   2 bytes for a septet, of which a segment has 153, and 6 for a UTF-16 unit, of which it has 67: 102,510. */
enum { FRAME_MAX_BYTES = 128 * 1024 };

/* Close codes that RFC 6455 does not define */
enum {
    CLOSE_GOING_AWAY = 1001,
    CLOSE_SERVICE_RESTART = 1012, /* IANA's registry of RFC 6455, 11.7 */
    CLOSE_REPLACED = 4001,
    CLOSE_NOT_PAIRED = 4003,
    CLOSE_ACK_TIMEOUT = 4008
};

#endif
