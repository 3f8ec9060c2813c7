/*
 * The words of the device protocol. ws-broker/PROTOCOL.md explains them; the simulated phone uses
 * these constants and nothing else of the gateway.
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

/* Server to phone */
#define FRAME_CONNECTION_ACK "connection_ack"
#define FRAME_NEW_SMS        "new_sms"
#define FRAME_ERROR          "error"
#define FRAME_WELCOME        "welcome"
#define FRAME_OFFER          "offer"
#define FRAME_RELEASE        "release"
#define FRAME_DROP           "drop"
#define FRAME_REVOKE         "revoke"
#define FRAME_REPORT_ACK     "report_ack"

/* Phone to server */
#define FRAME_STATUS_UPDATE "status_update"
#define FRAME_DEVICE_UPDATE "device_update"
#define FRAME_HELLO         "hello"
#define FRAME_JOURNAL       "journal"
#define FRAME_ACK           "ack"
#define FRAME_NACK          "nack"
#define FRAME_REPORT        "report"
#define FRAME_CREDIT        "credit"

/* A frame to a phone has at most so many bytes: the longest text, 255 segments (MAX_MESSAGE_SEGMENTS), and the
   rest. JSON needs at most 2 bytes for a septet, of which a segment has 153, and 6 for a UTF-16 unit, of which
   it has 67: 102,510. */
enum { FRAME_MAX_BYTES = 128 * 1024 };

/* Close codes beside those of RFC 6455 */
enum {
    CLOSE_GOING_AWAY = 1001,
    CLOSE_SERVICE_RESTART = 1012, /* IANA's registry of RFC 6455, 11.7 */
    CLOSE_REPLACED = 4001,
    CLOSE_NOT_PAIRED = 4003,
    CLOSE_ACK_TIMEOUT = 4008
};

#endif
