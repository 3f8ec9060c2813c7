/*
 * What a message has to say, where that is no text that the gateway can read: bytes for a port of the recipient's phone, or a number
 * and a text that a client has encrypted for the app SMSGate. Only a polled device can send either.
 *
 * The text of such a message is, as it is stored: the bytes in Base64; or the number, a line feed and the text, each as the
 * client has encrypted it, and in place of the number is MESSAGE_ENCRYPTED_NUMBER. Pure. Any thread.
 */
#ifndef COMMON_MODEL_MESSAGE_CONTENT_H
#define COMMON_MODEL_MESSAGE_CONTENT_H

#include "common/model/sms_segments.h"

/* The values are stored in the database and never change. */
enum message_content { MESSAGE_TEXT, MESSAGE_DATA, MESSAGE_ENCRYPTED, MESSAGE_CONTENT_COUNT };

#define MESSAGE_ENCRYPTED_NUMBER "encrypted"

enum {
    /* Of the 140 of a segment, 7 are the header with the ports (3GPP TS 23.040, 9.2.3.24.4); Android sends data in one. */
    MESSAGE_DATA_MAX_BYTES = 133,
    MESSAGE_DATA_MAX_PORT = 65535,
    MESSAGE_ENCRYPTED_NUMBER_SIZE = 257, /* of a number, encrypted */
};

/* "text", "data", "encrypted" */
const char *message_content_name(enum message_content content);

/* Whether it is Base64 (RFC 4648, 4) of 1 to MESSAGE_DATA_MAX_BYTES bytes. */
MUST_CHECK bool message_content_is_data(const char *text);

/*
 * Whether the text has the form of what the app's own encryption makes: "$aes-256-cbc/pbkdf2-sha1$i=N$SALT$DATA". *most: the
 * largest number of bytes that can be encrypted in it.
 */
MUST_CHECK bool message_content_is_encrypted(const char *text, size_t *most);

/* What any text of up to so many bytes in UTF-8 needs at most: each byte may be a unit of UCS-2. */
struct sms_segments message_content_most_segments(size_t bytes);

/* What a client may read: all of it, or of an encrypted one the text alone. Part of `text`. */
const char *message_content_text(enum message_content content, const char *text);

/* The encrypted number; false where the text is deleted, or the message is none of that kind. */
MUST_CHECK bool message_content_number(enum message_content content, const char *text,
                                       char number[MESSAGE_ENCRYPTED_NUMBER_SIZE]);

#endif
