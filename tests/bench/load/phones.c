#include "tests/bench/load/phones.h"

#include "tests/bench/load/loop.h"
#include "tests/bench/load/messages.h"
#include "tests/bench/load/websocket.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { READ_BYTES = 65536, ID_BYTES = 36, MAX_IN_HAND = 256, RETRY_NS = 250000000 };

/* A message in a phone's hands: on the assured level the release names it by its id only. */
struct in_hand {
    char id[ID_BYTES];
    uint32_t number;
};

struct phone {
    struct peer peer;
    int number;
    enum { CONNECTING, HANDSHAKE, GREETING, CONNECTED } state;
    int64_t started_ns;
    int64_t seq;             /* of the last report */
    uint64_t incoming;       /* SMS that it received */
    struct in_hand *in_hand; /* room for the credit, from the first message on */
    unsigned in_hand_count;
    char *rest; /* the beginning of a frame that is not whole yet */
    size_t rest_length;
    char *unsent; /* what the socket did not take */
    size_t unsent_length;
};

/* What a phone will report. The pauses are the same for all, so each queue is in order. */
struct pending_report {
    struct phone *phone;
    int64_t due_ns;
    unsigned attempt;
    char id[ID_BYTES];
};
struct report_queue {
    struct pending_report *reports; /* a ring */
    size_t capacity, first, count;
};

struct phones_results phones_results;
static struct phones_load load;
static struct phone *phones;
static int started;
static int64_t start_ns;
static int64_t retry_ns = INT64_MAX; /* when those that were lost connect again */
static struct report_queue sent_queue, delivered_queue;

/* What goes to one phone in one round of the loop goes in one write. */
static struct {
    struct phone *phone;
    size_t length;
    char bytes[READ_BYTES];
} out;

/* ---- Writing ---- */

static void lost(struct phone *phone)
{
    phones_results.lost++;
    phones_results.connected -= phone->state == CONNECTED;
    if (out.phone == phone)
        out.length = 0;
    free(phone->rest);
    free(phone->unsent);
    phone->rest = phone->unsent = NULL;
    phone->rest_length = phone->unsent_length = 0;
    phone->in_hand_count = 0;
    loop_forget(&phone->peer);
    retry_ns = MIN(retry_ns, now_ns() + RETRY_NS);
}

static void keep_unsent(struct phone *phone, const char *bytes, size_t length)
{
    phone->unsent = realloc(phone->unsent, phone->unsent_length + length);
    if (!phone->unsent)
        fail("no memory");
    memcpy(phone->unsent + phone->unsent_length, bytes, length);
    if (phone->unsent_length == 0)
        loop_want_output(&phone->peer, true);
    phone->unsent_length += length;
}

static void flush(void)
{
    struct phone *phone = out.phone;
    size_t length = out.length;
    out.length = 0;
    if (length == 0 || phone->peer.fd < 0)
        return;
    ssize_t sent = phone->unsent_length > 0 ? 0
                                            : send(phone->peer.fd, out.bytes, length, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        lost(phone);
        return;
    }
    sent = MAX(sent, 0);
    if ((size_t)sent < length)
        keep_unsent(phone, out.bytes + sent, length - (size_t)sent);
}

static void write_frame(struct phone *phone, int opcode, const char *payload, size_t length)
{
    if (out.phone != phone || out.length + WEBSOCKET_HEAD_BYTES + length > sizeof(out.bytes))
        flush();
    out.phone = phone;
    out.length += websocket_write_head((unsigned char *)out.bytes + out.length, opcode, length);
    memcpy(out.bytes + out.length, payload, length);
    out.length += length;
    phones_results.frames_out++;
}

static void write_text(struct phone *phone, const char *format, ...) PRINTF_FORMAT(2, 3);
static void write_text(struct phone *phone, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    write_frame(phone, WEBSOCKET_TEXT, text, (size_t)length);
}

/* ---- Reports ---- */

static void push(struct report_queue *queue, const struct pending_report *report)
{
    if (queue->count == queue->capacity) {
        struct report_queue grown = {.capacity = MAX(1024, queue->capacity * 2)};
        grown.reports = malloc(grown.capacity * sizeof(*grown.reports));
        if (!grown.reports)
            fail("no memory");
        for (; grown.count < queue->count; grown.count++)
            grown.reports[grown.count] =
                queue->reports[(queue->first + grown.count) % queue->capacity];
        free(queue->reports);
        *queue = grown;
    }
    queue->reports[(queue->first + queue->count++) % queue->capacity] = *report;
}

/* The oldest that is due; false when none is. */
static bool pop(struct report_queue *queue, int64_t now, struct pending_report *report)
{
    if (queue->count == 0 || queue->reports[queue->first].due_ns > now)
        return false;
    *report = queue->reports[queue->first];
    queue->first = (queue->first + 1) % queue->capacity;
    queue->count--;
    return true;
}

static int64_t next_due(const struct report_queue *queue)
{
    return queue->count > 0 ? queue->reports[queue->first].due_ns : INT64_MAX;
}

static void write_report(const struct pending_report *report, const char *status)
{
    struct phone *phone = report->phone;
    if (phone->state != CONNECTED)
        return;
    phones_results.reports++;
    if (load.level == PHONE_ASSURED)
        write_text(phone,
                   "{\"type\":\"report\",\"seq\":%lld,\"message_id\":\"%.36s\",\"attempt\":%u,"
                   "\"status\":\"%s\"}",
                   (long long)++phone->seq, report->id, report->attempt, status);
    else
        write_text(phone, "{\"type\":\"status_update\",\"message_id\":\"%.36s\",\"status\":\"%s\"}",
                   report->id, status);
}

/* The phone has leave to send a message. */
static void start_sending(struct phone *phone, const char *id, unsigned attempt, int64_t now)
{
    struct pending_report report = {phone, now + load.sent_ns, attempt, ""};
    memcpy(report.id, id, ID_BYTES);
    write_report(&report, "sending");
    push(&sent_queue, &report);
}

static void report_due(int64_t now)
{
    struct pending_report report;
    while (pop(&sent_queue, now, &report)) {
        write_report(&report, "sent");
        report.due_ns = now + load.delivered_ns;
        push(&delivered_queue, &report);
    }
    while (pop(&delivered_queue, now, &report)) {
        write_report(&report, "delivered");
        messages.delivered++;
    }
}

/* ---- Frames ---- */

/* The text of a member, which nothing precedes that looks like it. */
static const char *member(const char *text, const char *name)
{
    const char *found = strstr(text, name);
    return found ? found + strlen(name) : "";
}

static unsigned attempt_of(const char *text)
{
    return (unsigned)strtoul(member(text, "\"attempt\":"), NULL, 10);
}

static void take_offer(struct phone *phone, const char *text, const char *id, int64_t now)
{
    uint32_t number;
    if (message_read(text, &number)) {
        message_received(number, now);
        if (!phone->in_hand)
            phone->in_hand = malloc(MAX_IN_HAND * sizeof(*phone->in_hand));
        if (phone->in_hand && phone->in_hand_count < MAX_IN_HAND) {
            struct in_hand *place = &phone->in_hand[phone->in_hand_count++];
            memcpy(place->id, id, ID_BYTES);
            place->number = number;
        }
    }
    write_text(phone, "{\"type\":\"ack\",\"message_id\":\"%.36s\",\"attempt\":%u}", id,
               attempt_of(text));
}

static void take_release(struct phone *phone, const char *text, const char *id, int64_t now)
{
    for (unsigned i = 0; i < phone->in_hand_count; i++) {
        if (memcmp(phone->in_hand[i].id, id, ID_BYTES) == 0) {
            message_released(phone->in_hand[i].number, now);
            phone->in_hand[i] = phone->in_hand[--phone->in_hand_count];
            break;
        }
    }
    start_sending(phone, id, attempt_of(text), now);
}

static void take_new_sms(struct phone *phone, const char *text, const char *id, int64_t now)
{
    uint32_t number;
    if (message_read(text, &number)) {
        message_received(number, now);
        message_released(number, now);
    }
    start_sending(phone, id, 0, now);
}

static void pass_on_sms(struct phone *phone)
{
    char text[MESSAGE_TEXT_LENGTH + 1];
    message_write((uint32_t)++phone->incoming, text);
    write_text(
        phone,
        "{\"type\":\"sms_received\",\"received_id\":\"0b9fe3a4-1111-4222-%d-%llu\","
        "\"from\":\"+4915112345678\",\"message\":\"%s\",\"received_at\":1772366400123,\"sim\":1}",
        phone->number, (unsigned long long)phone->incoming, text);
}

static void take_received_ack(struct phone *phone)
{
    phones_results.incoming++;
    pass_on_sms(phone);
}

static void take_greeting(struct phone *phone, int64_t now)
{
    if (phone->state == CONNECTED)
        return;
    for (unsigned i = 0; i < load.receive; i++)
        pass_on_sms(phone);
    phone->state = CONNECTED;
    histogram_add(&phones_results.connect, now - phone->started_ns);
    if (++phones_results.connected == (uint64_t)load.count && !phones_results.all_connected_ns)
        phones_results.all_connected_ns = now;
}

static void take_text(struct phone *phone, const char *text)
{
    int64_t now = now_ns();
    if (load.level == PHONE_ECHO) {
        phones_results.echoes++;
        write_frame(phone, WEBSOCKET_TEXT, text, strlen(text));
        return;
    }
    const char *type = member(text, "\"type\":\""), *id = member(text, "\"message_id\":\"");
    bool names_message = strlen(id) >= ID_BYTES;
    if (strncmp(type, "offer\"", 6) == 0 && names_message)
        take_offer(phone, text, id, now);
    else if (strncmp(type, "release\"", 8) == 0 && names_message)
        take_release(phone, text, id, now);
    else if (strncmp(type, "new_sms\"", 8) == 0 && names_message)
        take_new_sms(phone, text, id, now);
    else if (strncmp(type, "welcome\"", 8) == 0 || strncmp(type, "connection_ack\"", 15) == 0)
        take_greeting(phone, now);
    else if (strncmp(type, "report_ack\"", 11) == 0)
        phones_results.acknowledged++;
    else if (strncmp(type, "sms_received_ack\"", 17) == 0)
        take_received_ack(phone);
    else if (strncmp(type, "error\"", 6) == 0)
        phones_results.errors++;
}

/* One whole frame; `payload[length]` may be written. */
static void take_frame(struct phone *phone, int opcode, char *payload, size_t length)
{
    phones_results.frames_in++;
    if (opcode == WEBSOCKET_PING) {
        phones_results.pings++;
        write_frame(phone, WEBSOCKET_PONG, payload, length);
    } else if (opcode == WEBSOCKET_CLOSE) {
        write_frame(phone, WEBSOCKET_CLOSE, payload, MIN(length, 2));
        flush();
        lost(phone);
    } else if (opcode == WEBSOCKET_TEXT) {
        char after = payload[length];
        payload[length] = '\0';
        take_text(phone, payload);
        payload[length] = after;
    }
}

/* The frames that are whole; returns how many bytes they took. */
static size_t take_frames(struct phone *phone, char *bytes, size_t count)
{
    size_t taken = 0;
    while (phone->peer.fd >= 0) {
        int opcode;
        size_t length;
        size_t head = websocket_read_head((unsigned char *)bytes + taken, count - taken, &opcode,
                                          &length);
        if (head == 0 || count - taken < head + length)
            break;
        take_frame(phone, opcode, bytes + taken + head, length);
        taken += head + length;
    }
    return taken;
}

/* ---- The connection ---- */

static void greet(struct phone *phone)
{
    if (load.level == PHONE_ECHO) {
        take_greeting(phone, now_ns());
        write_text(phone, "%-*s", MESSAGE_TEXT_LENGTH, "echo");
        return;
    }
    phone->state = GREETING;
    if (load.level == PHONE_ASSURED) {
        write_text(phone,
                   "{\"type\":\"hello\",\"journal\":\"0b9fe3a4-1111-4222-8333-%012d\","
                   "\"credit\":%u,\"info\":{\"device_name\":\"bench\",\"battery_level\":80,"
                   "\"signal_strength\":-70}}",
                   phone->number, load.credit);
        write_text(phone, "{\"type\":\"journal\",\"entries\":[],\"last\":true}");
    } else {
        write_text(phone, "{\"device_name\":\"bench\",\"battery_level\":80,"
                          "\"signal_strength\":-70,\"android_version\":\"14\"}");
    }
}

/* The head of the answer to the handshake; returns its length, 0 if it is not whole yet. */
static size_t take_handshake(struct phone *phone, char *bytes, size_t count)
{
    bytes[count] = '\0';
    const char *end = strstr(bytes, "\r\n\r\n");
    if (!end)
        return 0;
    if (strncmp(bytes, "HTTP/1.1 101", 12) != 0)
        fail("phone %d was refused: %.200s", phone->number, bytes);
    greet(phone);
    return (size_t)(end + 4 - bytes);
}

static void write_handshake(struct phone *phone)
{
    char path[64], bytes[512];
    snprintf(path, sizeof(path), "/ws/device/bench-%d", phone->number);
    size_t length = websocket_write_handshake(
        bytes, sizeof(bytes), load.level == PHONE_ECHO ? load.echo_path : path,
        load.level == PHONE_ASSURED ? "sms-gateway.v1" : NULL,
        load.tokens ? load.tokens[phone->number - load.first] : NULL);
    phone->state = HANDSHAKE;
    if (send(phone->peer.fd, bytes, length, MSG_NOSIGNAL) != (ssize_t)length)
        lost(phone);
}

static void phone_writable(struct phone *phone)
{
    loop_want_output(&phone->peer, false);
    if (phone->state == CONNECTING) {
        write_handshake(phone);
        return;
    }
    char *unsent = phone->unsent;
    size_t length = phone->unsent_length;
    phone->unsent = NULL;
    phone->unsent_length = 0;
    ssize_t sent = send(phone->peer.fd, unsent, length, MSG_NOSIGNAL);
    sent = MAX(sent, 0); /* an error shows when it is read */
    if ((size_t)sent < length)
        keep_unsent(phone, unsent + sent, length - (size_t)sent);
    free(unsent);
}

static void phone_readable(struct phone *phone)
{
    static char bytes[READ_BYTES + 1];
    memcpy(bytes, phone->rest ? phone->rest : "", phone->rest_length);
    ssize_t received = recv(phone->peer.fd, bytes + phone->rest_length,
                            READ_BYTES - phone->rest_length, 0);
    if (received < 0 && errno == EAGAIN)
        return;
    if (received <= 0) {
        lost(phone);
        return;
    }
    size_t count = phone->rest_length + (size_t)received, taken = 0;
    free(phone->rest);
    phone->rest = NULL;
    phone->rest_length = 0;
    if (phone->state == HANDSHAKE)
        taken = take_handshake(phone, bytes, count);
    if (phone->state != HANDSHAKE)
        taken += take_frames(phone, bytes + taken, count - taken);
    if (phone->peer.fd < 0 || taken == count)
        return;
    phone->rest_length = count - taken;
    phone->rest = malloc(phone->rest_length);
    if (!phone->rest)
        fail("no memory");
    memcpy(phone->rest, bytes + taken, phone->rest_length);
}

static void phone_ready(struct peer *peer, uint32_t events)
{
    struct phone *phone = CONTAINER_OF(peer, struct phone, peer);
    if (events & EPOLLOUT)
        phone_writable(phone);
    if (peer->fd >= 0 && events & ~(uint32_t)EPOLLOUT)
        phone_readable(phone);
    flush();
}

/* ---- */

void phones_start(const struct phones_load *wanted)
{
    load = *wanted;
    start_ns = now_ns();
    phones = calloc((size_t)load.count, sizeof(*phones));
    if (!phones)
        fail("no memory");
}

bool phones_are_done(void)
{
    return sent_queue.count == 0 && delivered_queue.count == 0 &&
           (load.level != PHONE_ASSURED || phones_results.acknowledged >= phones_results.reports);
}

static void connect_phone(struct phone *phone, int number, int64_t now)
{
    phone->number = number;
    phone->state = CONNECTING;
    phone->started_ns = now;
    phone->peer = (struct peer){.fd = loop_connect(load.port, false), .ready = phone_ready};
    loop_watch(&phone->peer);
    loop_want_output(&phone->peer, true);
}

static void connect_lost(void)
{
    retry_ns = INT64_MAX;
    for (int i = 0; i < started; i++) {
        if (phones[i].peer.fd < 0)
            connect_phone(&phones[i], phones[i].number, phones[i].started_ns);
    }
}

int64_t phones_due(int64_t now)
{
    int64_t connect_ns = INT64_MAX;
    while (started < load.count) {
        connect_ns = start_ns + (int64_t)((double)started * 1e9 / load.connect_rate);
        if (connect_ns > now)
            break;
        connect_phone(&phones[started], load.first + started, now);
        started++;
        connect_ns = INT64_MAX;
    }
    if (now >= retry_ns)
        connect_lost();
    report_due(now);
    flush();
    return MIN(MIN(connect_ns, retry_ns), MIN(next_due(&sent_queue), next_due(&delivered_queue)));
}
