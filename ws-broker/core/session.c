#include "ws-broker/core/session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void session_fini(struct session *session)
{
    for (unsigned i = 0; i < session->in_flight_count; i++)
        free(session->in_flight[i].frame);
    free(session->in_flight);
    free(session->entries);
    free(session->traits);
    free(session->warning);
    session->entries = NULL;
    session->warning = NULL;
    for (struct control_frame *frame = session->first_control, *next; frame; frame = next) {
        next = frame->next;
        free(frame->text);
        free(frame);
    }
    device_info_fini(&session->info);
    session->in_flight = NULL;
    session->first_control = session->last_control = NULL;
    session->in_flight_count = session->control_count = 0;
}

struct store_holder session_holder(const struct session *session)
{
    struct store_holder holder = {
        .connection_epoch = session->connection_epoch,
        .assured = session->protocol->has_journal,
        .polled = session->protocol->is_polled,
        .journal = session->journal_id,
    };
    strcpy(holder.device_id, session->device_id);
    return holder;
}

/* ---- Messages in flight ---- */

/* NULL without room or memory. */
static struct in_flight_message *add_in_flight(struct session *session)
{
    if (!session->in_flight)
        session->in_flight = calloc(session->capacity, sizeof(*session->in_flight));
    if (!session->in_flight || session->in_flight_count == session->capacity)
        return NULL;
    return &session->in_flight[session->in_flight_count++];
}

bool session_add_in_flight(struct session *session, const struct message *message,
                           int64_t given_at_ms, char *frame)
{
    struct in_flight_message *added = frame ? add_in_flight(session) : NULL;
    if (added)
        *added = (struct in_flight_message){.ref = {message->id, message->attempt},
                                            .frame = frame,
                                            .offered = session->protocol->has_journal,
                                            .segments = message->segments,
                                            .given_at_ms = given_at_ms};
    else
        free(frame);
    return added;
}

bool session_add_offer(struct session *session, const struct message_ref *ref, unsigned segments,
                       int64_t given_at_ms, int64_t due_at_ms)
{
    struct in_flight_message *added = add_in_flight(session);
    if (added)
        *added = (struct in_flight_message){.ref = *ref,
                                            .offered = true,
                                            .segments = segments,
                                            .given_at_ms = given_at_ms,
                                            .due_at_ms = due_at_ms};
    return added;
}

void session_add_written(struct session *session, const struct message_ref *ref, int64_t due_at_ms)
{
    struct in_flight_message *message = add_in_flight(session);
    if (message)
        *message = (struct in_flight_message){.ref = *ref, .due_at_ms = due_at_ms};
}

struct in_flight_message *session_find_in_flight(struct session *session,
                                                 const struct message_ref *ref)
{
    for (unsigned i = 0; i < session->in_flight_count; i++) {
        struct in_flight_message *message = &session->in_flight[i];
        if (message_ref_matches(&message->ref, ref))
            return message;
    }
    return NULL;
}

/* Keeps the order: the oldest is written first. */
static void remove_in_flight(struct session *session, struct in_flight_message *message)
{
    free(message->frame);
    session->in_flight_count--;
    memmove(message, message + 1,
            (size_t)(session->in_flight + session->in_flight_count - message) * sizeof(*message));
}

void session_forget(struct session *session, const struct message_ref *ref)
{
    struct in_flight_message *message = session_find_in_flight(session, ref);
    if (message)
        remove_in_flight(session, message);
}

void session_forget_all(struct session *session)
{
    while (session->in_flight_count > 0)
        remove_in_flight(session, &session->in_flight[session->in_flight_count - 1]);
}

void session_forget_silent(struct session *session, int64_t now_ms)
{
    for (unsigned i = session->in_flight_count; i-- > 0;) {
        const struct in_flight_message *message = &session->in_flight[i];
        if (!message->frame && !message->offered && message->due_at_ms <= now_ms)
            remove_in_flight(session, &session->in_flight[i]);
    }
}

bool session_answer_is_overdue(const struct session *session, int64_t now_ms)
{
    for (unsigned i = 0; i < session->in_flight_count; i++) {
        const struct in_flight_message *message = &session->in_flight[i];
        if (message->offered && !message->frame && !message->acknowledged &&
            message->due_at_ms <= now_ms)
            return true;
    }
    return false;
}

bool session_has_offer(const struct session *session)
{
    for (unsigned i = 0; i < session->in_flight_count; i++) {
        if (session->in_flight[i].offered && !session->in_flight[i].acknowledged)
            return true;
    }
    return false;
}

bool session_take_returnable(struct session *session, struct in_flight_message *message)
{
    for (unsigned i = 0; i < session->in_flight_count; i++) {
        if (session->in_flight[i].frame || session->in_flight[i].offered) {
            *message = session->in_flight[i];
            message->frame = NULL;
            remove_in_flight(session, &session->in_flight[i]);
            return true;
        }
    }
    return false;
}

void session_set_credit(struct session *session, unsigned credit)
{
    session->credit = credit;
    session->heap_entry.window = MAX(1, session_limit(session));
}

unsigned session_limit(const struct session *session)
{
    return MIN(session->capacity, session->credit);
}

unsigned session_room(const struct session *session)
{
    unsigned most = session_limit(session);
    unsigned in_flight = session->in_flight_count + session->claimed_slots;
    bool is_tried = session->unfetched > 0 &&
                    (session->claimed_slots > 0 || session_has_offer(session));
    return most > in_flight && !is_tried ? most - in_flight : 0;
}

/* ---- The send budget ---- */

int64_t session_budget_time(const struct session *session, int64_t wall_ms, int64_t now_ms)
{
    int64_t time_ms = session_budget_ms(session, now_ms);
    return llabs(wall_ms - time_ms) <= STORE_CLOCK_STEP_MS ? wall_ms : time_ms;
}

int64_t session_budget_wait_ms(struct session *session, int64_t now_ms)
{
    return send_budget_wait_ms(&session->send_budget, session->claimed_slots,
                               session_budget_ms(session, now_ms));
}

void session_refund_offer(struct session *session, struct in_flight_message *message)
{
    if (message->offered)
        send_budget_refund(&session->send_budget, message->segments, message->given_at_ms);
    message->segments = 0;
}

/* ---- Failures ---- */

enum { SUSPECT_AFTER_FAILURES = 2, FIRST_BACKOFF_MS = 1000, MAX_BACKOFF_MS = 60000 };

static bool is_suspect(const struct session *session)
{
    return session->consecutive_failures >= SUSPECT_AFTER_FAILURES;
}

static void start_backoff(struct session *session, int64_t now_ms)
{
    int64_t doubled = (int64_t)FIRST_BACKOFF_MS
                      << MIN(session->consecutive_failures - SUSPECT_AFTER_FAILURES, 6u);
    session->backoff_until_ms = now_ms + MIN(doubled, MAX_BACKOFF_MS);
}

void session_count_failure(struct session *session, int64_t now_ms)
{
    if (is_suspect(session))
        return; /* the backoff grows with messages given since then, not with those before */
    session->consecutive_failures++;
    if (is_suspect(session))
        start_backoff(session, now_ms);
}

void session_clear_failures(struct session *session)
{
    session->consecutive_failures = 0;
}

void session_restart_backoff(struct session *session, int64_t now_ms)
{
    if (!is_suspect(session))
        return;
    session->consecutive_failures++;
    start_backoff(session, now_ms);
}

bool session_is_in_backoff(const struct session *session, int64_t now_ms)
{
    return is_suspect(session) &&
           (now_ms < session->backoff_until_ms || session->claimed_slots > 0);
}

unsigned session_load_penalty(const struct session *session)
{
    return is_suspect(session) ? (session_limit(session) + 1) / 2 : 0;
}

/* ---- Output ---- */

bool session_queue_control(struct session *session, enum sent_frame_type type, char *frame)
{
    struct control_frame *control = frame ? calloc(1, sizeof(*control)) : NULL;
    if (!control) {
        free(frame);
        return false;
    }
    control->type = type;
    control->text = frame;
    if (session->last_control)
        session->last_control->next = control;
    else
        session->first_control = control;
    session->last_control = control;
    session->control_count++;
    return true;
}

static void take_control(struct session *session, struct buffer *frame, enum sent_frame_type *type)
{
    struct control_frame *control = session->first_control;
    *type = control->type;
    buffer_append_text(frame, control->text);
    session->first_control = control->next;
    if (!control->next)
        session->last_control = NULL;
    session->control_count--;
    free(control->text);
    free(control);
}

unsigned session_owed(const struct session *session)
{
    return session->pending_reports + session->pending_acks + session->pending_incoming +
           session->control_count;
}

static struct in_flight_message *first_unwritten(const struct session *session)
{
    for (unsigned i = 0; i < session->in_flight_count; i++) {
        if (session->in_flight[i].frame)
            return &session->in_flight[i];
    }
    return NULL;
}

enum session_output session_take_output(struct session *session, int64_t due_at_ms,
                                        struct buffer *frame, enum sent_frame_type *type)
{
    struct in_flight_message *message;
    if (session->close_written)
        return OUTPUT_NOTHING;
    if (session->ping_due) {
        session->ping_due = false;
        return OUTPUT_PING;
    }
    if (session->control_count > 0) {
        take_control(session, frame, type);
        return OUTPUT_FRAME;
    }
    if ((message = first_unwritten(session))) {
        *type = session->protocol->message;
        buffer_append_text(frame, message->frame);
        free(message->frame);
        message->frame = NULL;
        message->due_at_ms = due_at_ms;
        return OUTPUT_FRAME;
    }
    if (session->state == SESSION_CLOSING) {
        session->close_written = true;
        return OUTPUT_CLOSE;
    }
    return OUTPUT_NOTHING;
}

/* ---- Rates ---- */

/* A token bucket: gains `per_ms`, holds at most `most`. */
static void refill(double *tokens, int64_t *at_ms, double most, double per_ms, int64_t now_ms)
{
    *tokens = fmin(most, *tokens + per_ms * (double)(now_ms - *at_ms));
    *at_ms = now_ms;
}

bool session_take_frame_token(struct session *session, int64_t rate, int64_t now_ms)
{
    refill(&session->frame_tokens, &session->frame_tokens_at_ms, (double)rate * 2,
           (double)rate / 1000, now_ms);
    if (session->frame_tokens < 1)
        return false;
    session->frame_tokens -= 1;
    return true;
}

/* An ordinary message is at most one read, one frame and one KiB. */
enum {
    WORK_PER_FRAME = 3,
    MIN_PAUSE_MS = 50 /* in this time single bytes gather, to be read at once */
};

int64_t session_count_work(struct session *session, double work, int64_t rate, int64_t now_ms)
{
    double per_ms = (double)rate * WORK_PER_FRAME / 1000;
    refill(&session->work_tokens, &session->work_tokens_at_ms, per_ms * 2000, per_ms, now_ms);
    session->work_tokens -= work;
    return session->work_tokens >= 0
               ? 0
               : MAX((int64_t)ceil(-session->work_tokens / per_ms), MIN_PAUSE_MS);
}
