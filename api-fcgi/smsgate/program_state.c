#include "api-fcgi/smsgate/program_state.h"

#include "api-fcgi/smsgate/smsgate_json.h"

#include <string.h>

/* ---- Of one row ---- */

/* The states, each by a status that stands for it. */
static const enum message_status states[] = {
    MESSAGE_QUEUED,    MESSAGE_ACCEPTED, MESSAGE_SENT,
    MESSAGE_DELIVERED, MESSAGE_FAILED,   MESSAGE_CANCELLED,
};

static enum message_status state_of_status(enum message_status status)
{
    switch (status) {
    case MESSAGE_QUEUED:
    case MESSAGE_DISPATCHED:
        return MESSAGE_QUEUED;
    case MESSAGE_ACCEPTED:
    case MESSAGE_SENDING:
    case MESSAGE_UNKNOWN:
        return MESSAGE_ACCEPTED;
    case MESSAGE_FAILED:
    case MESSAGE_EXPIRED:
        return MESSAGE_FAILED;
    case MESSAGE_SENT:
    case MESSAGE_DELIVERED:
    case MESSAGE_CANCELLED:
    case MESSAGE_STATUS_COUNT:
        break;
    }
    return status;
}

static bool is_cancelling(const struct message *message)
{
    return message->cancel_requested &&
           (message->status == MESSAGE_ACCEPTED || message->status == MESSAGE_SENDING);
}

static const char *state_name(const struct message *message)
{
    return is_cancelling(message) ? "Cancelling" : smsgate_state_name(message->status);
}

/* ---- Of all rows ---- */

enum message_status program_state_of(const int64_t counts[MESSAGE_STATUS_COUNT])
{
    int64_t in[MESSAGE_STATUS_COUNT] = {0}, all = 0;
    for (int i = 0; i < MESSAGE_STATUS_COUNT; i++) {
        in[state_of_status((enum message_status)i)] += counts[i];
        all += counts[i];
    }
    if (in[MESSAGE_QUEUED] > 0)
        return MESSAGE_QUEUED;
    if (in[MESSAGE_CANCELLED] > 0)
        return MESSAGE_CANCELLED;
    if (in[MESSAGE_ACCEPTED] > 0)
        return MESSAGE_ACCEPTED;
    if (in[MESSAGE_FAILED] == all)
        return MESSAGE_FAILED;
    return in[MESSAGE_DELIVERED] == all ? MESSAGE_DELIVERED : MESSAGE_SENT;
}

bool program_state_matches(const int64_t counts[MESSAGE_STATUS_COUNT], int wanted)
{
    return (int)program_state_of(counts) == wanted;
}

bool program_state_parse(const char *name, int *wanted)
{
    for (size_t i = 0; i < ARRAY_LENGTH(states); i++) {
        if (strcmp(smsgate_state_name(states[i]), name) != 0)
            continue;
        *wanted = (int)states[i];
        return true;
    }
    return false;
}

/* ---- JSON ---- */

/* When a row reached the state; 0: it has not, or went back to the queue since. */
static int64_t reached_ms(const struct message *message, enum message_status state)
{
    const int64_t *at_ms = message->reached_at_ms;
    if (state == MESSAGE_QUEUED)
        return message_id_time_ms(&message->id);
    if (state_of_status(message->status) == MESSAGE_QUEUED)
        return 0;
    if (state == MESSAGE_ACCEPTED)
        return at_ms[MESSAGE_ACCEPTED] ? at_ms[MESSAGE_ACCEPTED] : at_ms[MESSAGE_SENDING];
    return state == MESSAGE_FAILED ? MAX(at_ms[MESSAGE_FAILED], at_ms[MESSAGE_EXPIRED])
                                   : at_ms[state];
}

/* When the last row reached the state; 0: one is still to reach it, or none has. A row that ended otherwise does not count. */
static int64_t all_reached_ms(const struct program_view *view, enum message_status state)
{
    int64_t last_ms = 0;
    for (size_t i = 0; i < view->count; i++) {
        const struct message *message = &view->messages[i];
        enum message_status now = state_of_status(message->status);
        int64_t at_ms = reached_ms(message, state);
        if (at_ms == 0 && now != MESSAGE_FAILED && now != MESSAGE_CANCELLED)
            return 0;
        last_ms = MAX(last_ms, at_ms);
    }
    return last_ms;
}

static void put_states(struct json_writer *json, const struct program_view *view,
                       enum message_status sum)
{
    json_begin_object(json, "states");
    for (size_t i = 0; i < ARRAY_LENGTH(states); i++) {
        bool is_end = states[i] == MESSAGE_FAILED || states[i] == MESSAGE_CANCELLED;
        int64_t at_ms = is_end && sum != states[i] ? 0 : all_reached_ms(view, states[i]);
        if (at_ms)
            json_put_time(json, smsgate_state_name(states[i]), at_ms);
    }
    json_end_object(json);
}

static void put_error(struct json_writer *json, const struct message *message)
{
    const char *text = *message->error_message ? message->error_message : message->error_code;
    if (message->status == MESSAGE_EXPIRED)
        json_put_text(json, "error", "TTL expired");
    else if (message->status == MESSAGE_UNKNOWN)
        json_put_text(json, "error", "unknown: nobody can know whether it was sent");
    else if (message->status == MESSAGE_FAILED)
        json_put_text(json, "error", *text ? text : "failed");
}

static void put_recipients(struct json_writer *json, const struct program_view *view)
{
    char encrypted[MESSAGE_ENCRYPTED_NUMBER_SIZE];
    json_begin_array(json, "recipients");
    for (size_t i = 0; i < view->count; i++) {
        const struct message *message =
            &view->messages[view->newest_first ? view->count - 1 - i : i];
        json_begin_object(json, NULL);
        bool has_encrypted = message_content_number(message->options.content, message->text,
                                                    encrypted);
        json_put_text(json, "phoneNumber", has_encrypted ? encrypted : message->phone_number);
        json_put_text(json, "state", state_name(message));
        put_error(json, message);
        json_end_object(json);
    }
    json_end_array(json);
}

/* The device that it is for, or of the first row that has one. */
static const char *device_of(const struct program_view *view)
{
    const char *device_id = view->messages[0].options.target.device_id;
    for (size_t i = 0; i < view->count && !*device_id; i++)
        device_id = view->messages[i].device_id;
    return device_id;
}

void program_state_put(struct json_writer *json, const struct program_view *view)
{
    int64_t counts[MESSAGE_STATUS_COUNT] = {0};
    bool cancelling = false;
    for (size_t i = 0; i < view->count; i++) {
        counts[view->messages[i].status]++;
        cancelling |= is_cancelling(&view->messages[i]);
    }
    enum message_status sum = program_state_of(counts);
    enum message_content content = view->messages[0].options.content;
    json_begin_object(json, NULL);
    json_put_text(json, "id", view->id);
    json_put_text(json, "deviceId", device_of(view));
    json_put_text(json, "state",
                  cancelling && sum != MESSAGE_QUEUED ? "Cancelling" : smsgate_state_name(sum));
    json_put_bool(json, "isHashed", false);
    json_put_bool(json, "isEncrypted", content == MESSAGE_ENCRYPTED);
    put_recipients(json, view);
    put_states(json, view, sum);
    if (view->with_text)
        smsgate_content_put(json, &view->messages[0]);
    json_end_object(json);
}
