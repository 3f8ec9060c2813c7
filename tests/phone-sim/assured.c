#include "tests/phone-sim/assured.h"

enum outgoing_kind {
    OUTGOING_HELLO,
    OUTGOING_JOURNAL, /* as many pages as it takes */
    OUTGOING_ACK,
    OUTGOING_NACK,
    OUTGOING_REPORT,
    OUTGOING_CREDIT,
};

struct outgoing {
    TAILQ_ENTRY(outgoing) in_outbox;
    enum outgoing_kind kind;
    uint64_t after; /* the change of the journal that must be durable before */
    int64_t attempt, sim;
    struct report *report;
    char message_id[SMS_ID_SIZE];
    char code[SMS_ERROR_SIZE];
};

/* ---- The journal ---- */

static void write_change(struct assured *assured, struct journal_write *write)
{
    write->number = ++assured->written;
    assured->world->journal_write(assured, write);
}

uint64_t assured_journal_incoming(struct assured *assured, const struct incoming *incoming)
{
    write_change(assured, &(struct journal_write){.incoming = incoming});
    return assured->written;
}

void assured_journal_answered(struct assured *assured, const char *received_id)
{
    write_change(assured, &(struct journal_write){.answered = received_id});
}

static bool is_open(enum entry_state state)
{
    switch (state) {
    case ENTRY_OFFERED:
    case ENTRY_RELEASED:
    case ENTRY_SUBMITTING:
        return true;
    case ENTRY_DONE:
    case ENTRY_DROPPED:
        break;
    }
    return false;
}

static struct outgoing *enqueue(struct assured *assured, enum outgoing_kind kind)
{
    struct outgoing *outgoing = must_allocate(1, sizeof(*outgoing));
    outgoing->kind = kind;
    outgoing->after = assured->written;
    TAILQ_INSERT_TAIL(&assured->outbox, outgoing, in_outbox);
    return outgoing;
}

static void enqueue_report(struct assured *assured, struct report *report)
{
    if (!assured->is_welcome || report->is_queued)
        return;
    report->is_queued = true;
    enqueue(assured, OUTGOING_REPORT)->report = report;
}

/* Writes the entry, with a report on its status if it has one to make. */
static void write_entry(struct assured *assured, struct entry *entry, bool with_report)
{
    struct report *report = with_report ? journal_add_report(&assured->journal, entry) : NULL;
    write_change(assured, &(struct journal_write){.entry = &entry->value,
                                                  .report = report ? &report->value : NULL});
    if (report)
        enqueue_report(assured, report);
}

static void drop_text(struct entry *entry)
{
    free(entry->value.text);
    entry->value.text = NULL;
}

static void set_state(struct assured *assured, struct entry *entry, enum entry_state state)
{
    assured->open -= is_open(entry->value.state);
    assured->open += is_open(state);
    entry->value.state = state;
}

/* Moves the entry to `state`, in the journal too, and with a report unless `status` is SMS_QUEUED. */
static void move(struct assured *assured, struct entry *entry, enum entry_state state,
                 enum sms_status status)
{
    set_state(assured, entry, state);
    entry->value.status = status;
    write_entry(assured, entry, status != SMS_QUEUED);
    assured->world->changed(assured, &entry->value);
    if (!is_open(state))
        drop_text(entry);
}

/* On this attempt, and not acknowledged; NULL if there is none. */
static struct report *find_report_on(const struct assured *assured,
                                     const struct journal_entry *entry, enum sms_status status)
{
    struct report *report;
    TAILQ_FOREACH(report, &assured->journal.reports, in_all)
    {
        if (&report->entry->value == entry && report->value.attempt == entry->attempt &&
            report->value.status == status)
            break;
    }
    return report;
}

static void remove_outgoing(struct assured *assured, struct outgoing *outgoing)
{
    TAILQ_REMOVE(&assured->outbox, outgoing, in_outbox);
    if (outgoing->report)
        outgoing->report->is_queued = false;
    free(outgoing);
}

/* In memory; the journal is yet to be told. */
static void remove_report(struct assured *assured, struct report *report)
{
    struct outgoing *outgoing;
    TAILQ_FOREACH(outgoing, &assured->outbox, in_outbox)
    {
        if (outgoing->report == report) {
            remove_outgoing(assured, outgoing);
            break;
        }
    }
    journal_remove_report(&assured->journal, report);
}

/* ---- To the radio ---- */

static bool has_expired(struct assured *assured, const struct journal_entry *entry)
{
    return entry->expires_at_ms != 0 && entry->expires_at_ms <= assured->world->clock_ms(assured);
}

/* The first that waits and may still be sent; NULL without one. */
static struct entry *take_next(struct assured *assured)
{
    struct entry *entry;
    while ((entry = TAILQ_FIRST(&assured->to_submit))) {
        TAILQ_REMOVE(&assured->to_submit, entry, in_to_submit);
        entry->waits = false;
        if (!has_expired(assured, &entry->value))
            break;
        move(assured, entry, ENTRY_DONE, SMS_EXPIRED);
    }
    return entry;
}

static void submit_next(struct assured *assured)
{
    struct entry *entry = assured->on_air || assured->is_off ? NULL : take_next(assured);
    if (!entry)
        return;
    assured->on_air = entry;
    assured->is_handed_over = false;
    move(assured, entry, ENTRY_SUBMITTING, SMS_SENDING);
    assured->on_air_after = assured->written;
}

static void queue_for_radio(struct assured *assured, struct entry *entry)
{
    entry->waits = true;
    TAILQ_INSERT_TAIL(&assured->to_submit, entry, in_to_submit);
}

void assured_on_journal_durable(struct assured *assured, uint64_t number)
{
    assured->durable = MAX(assured->durable, number);
    if (!assured->on_air || assured->is_handed_over || assured->is_off ||
        assured->durable < assured->on_air_after)
        return;
    assured->is_handed_over = true;
    assured->world->submit(assured, &assured->on_air->value);
}

static void set_result(struct entry *entry, const struct radio_result *result)
{
    bool has_failed = result->status == SMS_FAILED;
    entry->value.parts_sent = has_failed ? result->parts_sent : 0;
    snprintf(entry->value.error_code, sizeof(entry->value.error_code), "%s",
             has_failed ? result->error_code : "");
}

void assured_on_radio_result(struct assured *assured, const char *message_id, int64_t attempt,
                             const struct radio_result *result)
{
    struct entry *entry = journal_find(&assured->journal, message_id);
    if (!entry || entry->value.attempt != attempt)
        return;
    bool is_answer = entry == assured->on_air && assured->is_handed_over;
    bool is_late_news = entry->value.state == ENTRY_DONE && entry->value.status == SMS_SENT &&
                        result->status != SMS_SENT;
    if (!is_answer && !is_late_news)
        return;
    set_result(entry, result);
    if (is_answer)
        assured->on_air = NULL;
    move(assured, entry, ENTRY_DONE, result->status);
    submit_next(assured);
}

void assured_switch_off(struct assured *assured, bool is_untouched)
{
    struct entry *entry = assured->on_air;
    assured->is_off = true;
    if (!entry || (assured->is_handed_over && !is_untouched))
        return;
    assured->on_air = NULL;
    set_result(entry, &(struct radio_result){.status = SMS_FAILED, .error_code = "radio_off"});
    move(assured, entry, ENTRY_DONE, SMS_FAILED);
}

/* ---- The connection ---- */

static void forget_listed(struct assured *assured)
{
    free(assured->listed);
    assured->listed = NULL;
    assured->listed_count = 0;
    assured->listed_written = 0;
}

static void list(struct assured *assured, const struct journal_entry *value, int64_t attempt)
{
    if (assured->listed_count >= ASSURED_LIST_MAX)
        return;
    struct journal_frame_entry *listed = &assured->listed[assured->listed_count++];
    memcpy(listed->message_id, value->message_id, sizeof(listed->message_id));
    listed->attempt = attempt;
    listed->is_offered = value->state == ENTRY_OFFERED;
}

/* Those that are open first, in case that there are too many. */
static void list_journal(struct assured *assured)
{
    struct entry *entry;
    struct report *report;
    assured->listed = must_allocate(ASSURED_LIST_MAX, sizeof(*assured->listed));
    TAILQ_FOREACH(entry, &assured->journal.entries, in_all)
    {
        entry->is_listed = is_open(entry->value.state);
        if (entry->is_listed)
            list(assured, &entry->value, entry->value.attempt);
    }
    /* The newest one, since a report may be about an older attempt than the entry. */
    TAILQ_FOREACH_REVERSE(report, &assured->journal.reports, report_list, in_all)
    {
        if (!report->entry->is_listed)
            list(assured, &report->entry->value, report->value.attempt);
        report->entry->is_listed = true;
    }
}

void assured_on_connected(struct assured *assured)
{
    list_journal(assured);
    enqueue(assured, OUTGOING_HELLO);
    enqueue(assured, OUTGOING_JOURNAL);
}

void assured_on_disconnected(struct assured *assured)
{
    for (struct outgoing *outgoing = TAILQ_FIRST(&assured->outbox), *next; outgoing;
         outgoing = next) {
        next = TAILQ_NEXT(outgoing, in_outbox);
        remove_outgoing(assured, outgoing);
    }
    forget_listed(assured);
    assured->is_welcome = false;
}

void assured_set_credit(struct assured *assured, int64_t credit)
{
    if (credit == assured->behaviour.credit)
        return;
    assured->behaviour.credit = credit;
    if (assured->is_welcome)
        enqueue(assured, OUTGOING_CREDIT);
}

/* ---- Frames in ---- */

static const char *on_welcome(struct assured *assured, const struct received_frame *frame)
{
    struct report *report;
    if (assured->is_welcome)
        return "the gateway sent welcome again";
    if (assured->listed)
        return "the gateway sent welcome before it had the journal";
    assured->is_welcome = true;
    assured->session = frame->session;
    assured->gateway_credit = frame->credit;
    TAILQ_FOREACH(report, &assured->journal.reports, in_all)
    enqueue_report(assured, report);
    return NULL;
}

static void answer_offer(struct assured *assured, enum outgoing_kind kind,
                         const struct received_frame *frame, const char *code)
{
    struct outgoing *outgoing = enqueue(assured, kind);
    snprintf(outgoing->message_id, sizeof(outgoing->message_id), "%s", frame->message_id);
    snprintf(outgoing->code, sizeof(outgoing->code), "%s", code);
    outgoing->attempt = frame->attempt;
    outgoing->sim = sim_choose(assured->behaviour.sims, frame->sim);
}

/* Why the phone cannot take the message at all; NULL if it can. */
static const char *reason_to_refuse(struct assured *assured, const struct received_frame *frame)
{
    if (!frame->message || !sms_is_phone_number(frame->phone_number))
        return "invalid_arguments";
    if (assured->open + assured->journal.report_count >= ASSURED_LIST_MAX)
        return "no_room";
    if (assured->is_off)
        return "radio_off";
    if (!sim_is_there(assured->behaviour.sims, frame->sim))
        return "sim_missing";
    if (random_share(&assured->random) < assured->behaviour.nack_rate)
        return word_list_choose(&assured->behaviour.nack_codes, &assured->random);
    return NULL;
}

static void report_again(struct assured *assured, struct entry *entry)
{
    struct report *report = find_report_on(assured, &entry->value, entry->value.status);
    if (report)
        enqueue_report(assured, report);
    else if (entry->value.status != SMS_QUEUED)
        write_entry(assured, entry, true);
}

static const char *on_offer(struct assured *assured, const struct received_frame *frame)
{
    struct entry *entry = journal_find(&assured->journal, frame->message_id);
    const struct journal_entry *value = entry ? &entry->value : NULL;
    bool is_known = value && value->state == ENTRY_OFFERED && value->attempt == frame->attempt;
    bool is_new = !value || (value->attempt < frame->attempt &&
                             (value->state == ENTRY_OFFERED || value->state == ENTRY_DROPPED ||
                              journal_entry_is_unsent(value)));
    if (!is_known && !is_new) {
        report_again(assured, entry);
        assured->world->refused(assured, frame->message_id, NULL);
        return NULL;
    }
    const char *reason = is_new ? reason_to_refuse(assured, frame) : NULL;
    if (reason) {
        answer_offer(assured, OUTGOING_NACK, frame, reason);
        assured->world->refused(assured, frame->message_id, reason);
        return NULL;
    }
    if (!entry) {
        struct journal_entry blank = {.state = ENTRY_DROPPED};
        snprintf(blank.message_id, sizeof(blank.message_id), "%s", frame->message_id);
        entry = journal_add(&assured->journal, &blank);
    }
    if (is_new) {
        drop_text(entry);
        entry->value.text = must_copy(frame->message);
        entry->value.attempt = frame->attempt;
        entry->value.parts_sent = 0;
        entry->value.error_code[0] = '\0';
        entry->value.expires_at_ms = frame->expires_at_ms;
        entry->value.no_delivery_report = frame->no_delivery_report;
        snprintf(entry->value.phone_number, sizeof(entry->value.phone_number), "%s",
                 frame->phone_number);
        move(assured, entry, ENTRY_OFFERED, SMS_QUEUED);
    }
    answer_offer(assured, OUTGOING_ACK, frame, "");
    return NULL;
}

static void on_release(struct assured *assured, struct entry *entry)
{
    if (entry->value.state != ENTRY_OFFERED)
        return;
    move(assured, entry, ENTRY_RELEASED, SMS_QUEUED);
    queue_for_radio(assured, entry);
    submit_next(assured);
}

static void on_drop(struct assured *assured, struct entry *entry)
{
    if (entry->value.state == ENTRY_OFFERED)
        move(assured, entry, ENTRY_DROPPED, SMS_QUEUED);
}

static void on_revoke(struct assured *assured, struct entry *entry)
{
    if (entry->value.state != ENTRY_OFFERED && entry->value.state != ENTRY_RELEASED)
        return;
    if (entry->waits)
        TAILQ_REMOVE(&assured->to_submit, entry, in_to_submit);
    entry->waits = false;
    move(assured, entry, ENTRY_DONE, SMS_CANCELLED);
}

static const char *on_report_ack(struct assured *assured, const struct received_frame *frame)
{
    struct report *report = journal_find_report(&assured->journal, (uint64_t)frame->seq);
    if (!report)
        return NULL; /* of a report that was written twice, or before the journal was lost */
    struct entry *entry = report->entry;
    remove_report(assured, report);
    write_change(assured, &(struct journal_write){.acknowledged = (uint64_t)frame->seq});
    if (entry->value.state == ENTRY_DONE && entry->reports == 0)
        assured->world->reported(assured, &entry->value);
    return NULL;
}

const char *assured_on_frame(struct assured *assured, const struct received_frame *frame)
{
    struct entry *entry = NULL;
    if (frame->message_id)
        entry = journal_find(&assured->journal, frame->message_id);
    if (entry && entry->value.attempt != frame->attempt)
        entry = NULL; /* for all but an offer as good as none */
    switch (frame->type) {
    case FRAME_IS_WELCOME:
        return on_welcome(assured, frame);
    case FRAME_IS_OFFER:
        return on_offer(assured, frame);
    case FRAME_IS_REPORT_ACK:
        return on_report_ack(assured, frame);
    case FRAME_IS_RELEASE:
        if (entry)
            on_release(assured, entry);
        break;
    case FRAME_IS_DROP:
        if (entry)
            on_drop(assured, entry);
        break;
    case FRAME_IS_REVOKE:
        if (entry)
            on_revoke(assured, entry);
        break;
    case FRAME_IS_CONNECTION_ACK:
    case FRAME_IS_NEW_SMS:
    case FRAME_IS_SMS_RECEIVED_ACK:
    case FRAME_IS_ERROR:
    case FRAME_IS_UNKNOWN:
    case FRAME_IS_BROKEN:
        break;
    }
    return NULL;
}

/* ---- Frames out ---- */

bool assured_has_frame(const struct assured *assured)
{
    const struct outgoing *outgoing = TAILQ_FIRST(&assured->outbox);
    return outgoing && outgoing->after <= assured->durable;
}

bool assured_has_frame_later(const struct assured *assured)
{
    return !TAILQ_EMPTY(&assured->outbox);
}

static size_t entries_of_this_page(const struct assured *assured)
{
    return MIN(assured->listed_count - assured->listed_written, (size_t)ASSURED_ENTRIES_A_PAGE);
}

static bool is_last_page(const struct assured *assured)
{
    return assured->listed_written + entries_of_this_page(assured) == assured->listed_count;
}

size_t assured_next_frame(const struct assured *assured, const struct device *device, char *space)
{
    const struct outgoing *outgoing = TAILQ_FIRST(&assured->outbox);
    if (!assured_has_frame(assured))
        return 0;
    switch (outgoing->kind) {
    case OUTGOING_HELLO:
        return frame_write_hello(space, assured->journal.epoch, assured->behaviour.credit, device);
    case OUTGOING_JOURNAL:
        return frame_write_journal(space, assured->listed + assured->listed_written,
                                   entries_of_this_page(assured), is_last_page(assured));
    case OUTGOING_ACK:
        return frame_write_ack(space, outgoing->message_id, outgoing->attempt, outgoing->sim);
    case OUTGOING_NACK:
        return frame_write_nack(space, outgoing->message_id, outgoing->attempt, outgoing->code);
    case OUTGOING_REPORT:
        return frame_write_report(space, &outgoing->report->value);
    case OUTGOING_CREDIT:
        return frame_write_credit(space, assured->behaviour.credit);
    }
    return 0;
}

void assured_frame_written(struct assured *assured)
{
    struct outgoing *outgoing = TAILQ_FIRST(&assured->outbox);
    if (outgoing->kind == OUTGOING_JOURNAL) {
        bool was_last = is_last_page(assured);
        assured->listed_written += entries_of_this_page(assured);
        if (!was_last)
            return;
        forget_listed(assured);
    }
    remove_outgoing(assured, outgoing);
}

/* ---- From the beginning to the end ---- */

void assured_init(struct assured *assured, const struct assured_world *world,
                  const struct assured_behaviour *behaviour, uint64_t seed)
{
    *assured = (struct assured){.world = world, .behaviour = *behaviour, .random.state = seed};
    TAILQ_INIT(&assured->outbox);
    TAILQ_INIT(&assured->to_submit);
    journal_init(&assured->journal, "");
}

void assured_fini(struct assured *assured)
{
    assured_on_disconnected(assured);
    journal_fini(&assured->journal);
}

void assured_on_first_start(struct assured *assured, const char *epoch)
{
    journal_init(&assured->journal, epoch);
    write_change(assured, &(struct journal_write){.epoch = assured->journal.epoch});
}

void assured_on_journal_lost(struct assured *assured, const char *epoch)
{
    assured_on_disconnected(assured);
    journal_fini(&assured->journal);
    TAILQ_INIT(&assured->to_submit);
    assured->on_air = NULL;
    assured->open = 0;
    assured_on_first_start(assured, epoch);
}

void assured_on_restart(struct assured *assured, const struct journal_image *image,
                        bool (*was_sent)(void *store, const struct journal_entry *entry),
                        void *store)
{
    struct entry *entry;
    journal_load(&assured->journal, image);
    TAILQ_FOREACH(entry, &assured->journal.entries, in_all)
    {
        assured->open += is_open(entry->value.state);
        if (entry->value.state == ENTRY_RELEASED)
            queue_for_radio(assured, entry);
        if (entry->value.state == ENTRY_SUBMITTING)
            move(assured, entry, ENTRY_DONE,
                 was_sent && was_sent(store, &entry->value) ? SMS_SENT : SMS_UNKNOWN);
    }
    submit_next(assured);
}
