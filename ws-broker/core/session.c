#include "ws-broker/core/session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void session_fini(struct session *session)
{
    for (unsigned i = 0; i < session->held_count; i++)
        free(session->held[i].frame);
    free(session->held);
    free(session->entries);
    free(session->warning);
    session->entries = NULL;
    session->warning = NULL;
    for (struct control_frame *frame = session->first_control, *next; frame; frame = next) {
        next = frame->next;
        free(frame->text);
        free(frame);
    }
    device_info_fini(&session->info);
    session->held = NULL;
    session->first_control = session->last_control = NULL;
    session->held_count = session->control_count = 0;
}

/* ---- Messages in its hands ---- */

/* A new place among the held messages; NULL when there is no more, or no memory. */
static struct held_message *add_held(struct session *session)
{
    if (!session->held)
        session->held = calloc(session->capacity, sizeof(*session->held));
    if (!session->held || session->held_count == session->capacity)
        return NULL;
    return &session->held[session->held_count++];
}

bool session_hold(struct session *session, const struct message_id *id, unsigned attempt,
                  char *frame)
{
    struct held_message *held = frame ? add_held(session) : NULL;
    if (held)
        *held = (struct held_message){
            .id = *id, .attempt = attempt, .frame = frame, .offered = session->assured};
    else
        free(frame);
    return held;
}

void session_hold_written(struct session *session, const struct message_id *id, unsigned attempt,
                          int64_t due_at_ms)
{
    struct held_message *held = add_held(session);
    if (held)
        *held = (struct held_message){.id = *id, .attempt = attempt, .due_at_ms = due_at_ms};
}

struct held_message *session_find_held(struct session *session, const struct message_id *id,
                                       unsigned attempt)
{
    for (unsigned i = 0; i < session->held_count; i++) {
        struct held_message *held = &session->held[i];
        if (message_id_equal(&held->id, id) && (attempt == 0 || attempt == held->attempt))
            return held;
    }
    return NULL;
}

/* The order is kept: the oldest is written first. */
static void remove_held(struct session *session, struct held_message *held)
{
    free(held->frame);
    session->held_count--;
    memmove(held, held + 1, (size_t)(session->held + session->held_count - held) * sizeof(*held));
}

void session_forget(struct session *session, const struct message_id *id, unsigned attempt)
{
    struct held_message *held = session_find_held(session, id, attempt);
    if (held)
        remove_held(session, held);
}

void session_forget_silent(struct session *session, int64_t now_ms)
{
    for (unsigned i = session->held_count; i-- > 0;) {
        const struct held_message *held = &session->held[i];
        if (!held->frame && !held->offered && held->due_at_ms <= now_ms)
            remove_held(session, &session->held[i]);
    }
}

bool session_answer_is_overdue(const struct session *session, int64_t now_ms)
{
    for (unsigned i = 0; i < session->held_count; i++) {
        const struct held_message *held = &session->held[i];
        if (held->offered && !held->frame && !held->answered && held->due_at_ms <= now_ms)
            return true;
    }
    return false;
}

bool session_take_returnable(struct session *session, struct held_message *message)
{
    for (unsigned i = 0; i < session->held_count; i++) {
        if (session->held[i].frame || session->held[i].offered) {
            *message = session->held[i];
            message->frame = NULL;
            remove_held(session, &session->held[i]);
            return true;
        }
    }
    return false;
}

unsigned session_limit(const struct session *session)
{
    return MIN(session->capacity, session->credit);
}

unsigned session_room(const struct session *session)
{
    unsigned most = session_limit(session);
    unsigned in_hand = session->held_count + session->planned;
    return most > in_hand ? most - in_hand : 0;
}

/* ---- Messages that come back ---- */

enum { MOST_IN_VAIN = 2, FIRST_REST_MS = 1000, LONGEST_REST_MS = 60000 };

static bool is_doubtful(const struct session *session)
{
    return session->in_vain >= MOST_IN_VAIN;
}

static void rest(struct session *session, int64_t now_ms)
{
    int64_t doubled = (int64_t)FIRST_REST_MS << MIN(session->in_vain - MOST_IN_VAIN, 6u);
    session->rests_until_ms = now_ms + MIN(doubled, LONGEST_REST_MS);
}

void session_sent_nothing(struct session *session, int64_t now_ms)
{
    if (is_doubtful(session))
        return; /* the rest grows with what it is given since, not with what it had before */
    session->in_vain++;
    if (is_doubtful(session))
        rest(session, now_ms);
}

void session_has_sent(struct session *session)
{
    session->in_vain = 0;
}

void session_is_given_one(struct session *session, int64_t now_ms)
{
    if (!is_doubtful(session))
        return;
    session->in_vain++;
    rest(session, now_ms);
}

bool session_rests(const struct session *session, int64_t now_ms)
{
    return is_doubtful(session) && (now_ms < session->rests_until_ms || session->planned > 0);
}

unsigned session_handicap(const struct session *session)
{
    return is_doubtful(session) ? (session_limit(session) + 1) / 2 : 0;
}

/* ---- Output ---- */

bool session_queue_control(struct session *session, char *frame)
{
    struct control_frame *control = frame ? calloc(1, sizeof(*control)) : NULL;
    if (!control) {
        free(frame);
        return false;
    }
    control->text = frame;
    if (session->last_control)
        session->last_control->next = control;
    else
        session->first_control = control;
    session->last_control = control;
    session->control_count++;
    return true;
}

static void take_control(struct session *session, struct buffer *frame)
{
    struct control_frame *control = session->first_control;
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
    return session->pending_reports + session->pending_acks + session->control_count;
}

static struct held_message *first_unwritten(const struct session *session)
{
    for (unsigned i = 0; i < session->held_count; i++) {
        if (session->held[i].frame)
            return &session->held[i];
    }
    return NULL;
}

enum session_output session_take_output(struct session *session, int64_t due_at_ms,
                                        struct buffer *frame)
{
    struct held_message *message;
    if (session->close_written)
        return OUTPUT_NOTHING;
    if (session->ping_due) {
        session->ping_due = false;
        return OUTPUT_PING;
    }
    if (session->control_count > 0) {
        take_control(session, frame);
        return OUTPUT_FRAME;
    }
    if ((message = first_unwritten(session))) {
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

/* A bucket that holds at most `most` and gains `per_ms` of time. */
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

/* A message is a read, a frame and a KiB at most, unless somebody makes work on purpose. */
enum {
    WORK_PER_FRAME = 3,
    LEAST_PAUSE_MS = 50 /* in it single bytes gather, and are read at once */
};

int64_t session_count_work(struct session *session, double work, int64_t rate, int64_t now_ms)
{
    double per_ms = (double)rate * WORK_PER_FRAME / 1000;
    refill(&session->work_tokens, &session->work_tokens_at_ms, per_ms * 2000, per_ms, now_ms);
    session->work_tokens -= work;
    return session->work_tokens >= 0
               ? 0
               : MAX((int64_t)ceil(-session->work_tokens / per_ms), LEAST_PAUSE_MS);
}
