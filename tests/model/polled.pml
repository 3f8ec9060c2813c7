/*
 * Polled devices of ws-broker/PROTOCOL.md, as a model that Spin searches completely: one message, two phones with SMSGate's
 * app, and a world in which answers and reports are lost, apps are killed, and phones register once more, each at any instant.
 * tests/test_model.py runs it.
 *
 * Read it beside PROTOCOL.md, "Polled devices"; what stands in quotation marks is from there. A step here (a d_step) is one
 * transaction with the answer that follows it, or one step of the app. What is on its way can be lost.
 *
 * Each macro BUG_* breaks one rule, and the search must then find what goes wrong. What the app itself may do is in the model, and
 * the properties allow that alone: killed before it has noted that the radio has the text, it sends once more; and it may send
 * what it has just cancelled.
 *
 * Not in it: several messages (the simulation has the apps that may have one at a time), parts of a message, a restored backup,
 * delivery reports, and streams, which only tell the app to fetch: here it fetches whenever it likes.
 */
#ifndef FAULTS
#define FAULTS 1 /* lost answers and reports, killed apps, other registrations, timeouts */
#endif
#ifndef ATTEMPTS
#define ATTEMPTS 2 /* so often the message is given out; then it stays queued */
#endif

#define NOBODY 2
#define ROOM 1 /* reports on their way, of a phone */
#define AT(d, its_attempt) (d * (ATTEMPTS + 1) + its_attempt)
#define IN_HAND(which) (which == ACCEPTED || which == SENDING)
#define IS_ITS(d) (device == d && of_registration == at_store[d])

#ifdef BUG_TAKEN_BACK_AFTER_LISTING
#define TAKEN_BACK(which) (which == DISPATCHED || which == ACCEPTED)
#else
#define TAKEN_BACK(which) (which == DISPATCHED)
#endif
#ifdef BUG_EXPIRES_AFTER_LISTING
#define UNSENT(which) (which == QUEUED || which == DISPATCHED || which == ACCEPTED)
#else
#define UNSENT(which) (which == QUEUED || which == DISPATCHED)
#endif
#ifdef BUG_NO_VALID_UNTIL
#define MAY_SEND
#else
#define MAY_SEND && !too_late
#endif

/* Statuses of the message. */
mtype = { QUEUED, DISPATCHED, ACCEPTED, SENDING, SENT, FAILED, CANCELLED, EXPIRED, UNKNOWN };

/* On the app's list. WORKING: it was looked at, and the radio has it next. Failed: NOTHING_SENT proves it. */
mtype = { NONE, PENDING, WORKING, CANCELLED_WORKING, PROCESSED, APP_SENT, NOTHING_SENT, APP_FAILED, APP_EXPIRED,
          APP_CANCELLED };

/* ---- The store: durable ---- */

mtype status = QUEUED;
byte attempt = 0;
byte device = NOBODY;    /* the phone that was given this attempt, */
bit of_registration = 0; /* and its registration then */
bool confirmed = false;  /* the phone has reported on this attempt */
bool cancel_asked = false;
bit at_store[2];         /* the registration of each phone */

/* ---- The gateway's memory ---- */

/* The phone did not fetch in time: the request to return this attempt to the queue is on its way. */
byte request_attempt = 0; /* 0: there is none */
byte request_device = 0;

/* ---- On the way ---- */

/* The answer to its last request: the attempt, and whether the message is to be cancelled. */
chan answer[2] = [1] of { byte, bool };
/* A report: the attempt, and what stood on the list. Lost ones come again, and late ones with them. */
chan reports[2] = [ROOM] of { byte, mtype };

/* ---- The apps ---- */

bool is_old = false; /* both do not understand that a message is to be cancelled, and would send it */
bit registration[2];
mtype entry[2 * (ATTEMPTS + 1)] = NONE; /* AT(phone, attempt); durable */
bool reported[2 * (ATTEMPTS + 1)];      /* what stands there was reported, or given up */

/* ---- What only the properties look at ---- */

byte submits = 0;        /* how often a radio was given the text, as far as its app knows, without proof since */
bool was_radioed = false;
byte sender = NOBODY;    /* whose radio, */
byte sent_attempt = 0;   /* and in which attempt */
bool unnoted = false;    /* that app was killed before it had noted it */
bool raced = false;      /* a message was sent that its app had cancelled */
bool accident = false;   /* a phone is registered once more, or gave up a report */
bool was_sent = false;   /* the store has said `sent` */

/* ---- The world ---- */

byte faults = 0;
bool too_late = false; /* the time of `validUntil` has come */
bool calm = false;     /* from here on nothing happens from outside, and everything must settle */

/* Set and used within one d_step. */
hidden byte its_attempt;
hidden mtype its_state;
hidden byte to_cancel;

/* ---- What the gateway commits ---- */

inline to_queue()
{
    assert(submits == 0); /* nothing that a radio had is given to another phone */
    status = QUEUED;
    device = NOBODY;
    of_registration = 0;
    confirmed = false
}

inline give(d, its_status)
{
    attempt++;
    status = its_status;
    device = d;
    of_registration = at_store[d];
    confirmed = false
}

/* "Another registration, also of the same phone, is not: what the first one had accepted becomes `unknown`." */
inline lose_registration(d)
{
    if
    :: device == d && of_registration != at_store[d] && status == DISPATCHED -> to_queue()
    :: device == d && of_registration != at_store[d] && IN_HAND(status) -> status = UNKNOWN
    :: else
    fi
}

inline list(d, cancels)
{
    assert(cancels || !confirmed); /* "until its first report" */
    if
    :: answer[d]?[_,_] -> answer[d]?_,_ /* another request ends the one before */
    :: else
    fi;
    answer[d]!attempt,cancels
}

#ifdef BUG_LISTED_AFTER_REPORT
#define TO_LIST(d) (device == d)
#elif defined(BUG_LISTED_TO_ANOTHER)
#define TO_LIST(d) (device == d && !confirmed)
#else
#define TO_LIST(d) (IS_ITS(d) && !confirmed)
#endif
#ifdef BUG_CANCELLING_TO_OLD_APP
#define UNDERSTANDS true
#else
#define UNDERSTANDS (!is_old)
#endif

/* "A message is `accepted` on disk before the first byte of the answer that lists it" */
inline fetch(d)
{
#ifndef BUG_LISTED_TO_ANOTHER
    lose_registration(d);
#endif
    if
    :: status == DISPATCHED && IS_ITS(d) ->
#ifndef BUG_LISTED_BEFORE_COMMIT
        status = ACCEPTED;
#endif
        list(d, false)
    :: status == ACCEPTED && device == d && cancel_asked && UNDERSTANDS -> list(d, true)
    :: status == ACCEPTED && !cancel_asked && TO_LIST(d) -> list(d, false)
    :: else
    fi
}

inline take_back()
{
    if
    :: TAKEN_BACK(status) && device == request_device && attempt == request_attempt -> to_queue()
    :: else
    fi;
    request_attempt = 0;
    request_device = 0
}

/* The move that a report makes. */
inline store_report(d)
{
    if
#ifdef BUG_REPORT_OF_ANY_ATTEMPT
    :: device != d
#else
    :: device != d || attempt != its_attempt
#endif
    :: else ->
        if
        :: status == ACCEPTED && IS_ITS(d) -> confirmed = true
        :: else
        fi;
        if
        :: its_state == PROCESSED && status == ACCEPTED -> status = SENDING
        :: its_state == APP_SENT && status != QUEUED && status != DISPATCHED ->
            status = SENT;
            was_sent = true
        :: its_state == APP_FAILED && (IN_HAND(status) || status == UNKNOWN) -> status = FAILED
        :: its_state == NOTHING_SENT && IN_HAND(status) && IS_ITS(d) ->
            if
            :: cancel_asked -> status = CANCELLED
            :: else -> to_queue()
            fi
        :: its_state == NOTHING_SENT && status == UNKNOWN -> status = FAILED
        :: its_state == APP_EXPIRED && (status == ACCEPTED || status == UNKNOWN) -> status = EXPIRED
        :: its_state == APP_CANCELLED && status == ACCEPTED ->
#ifdef BUG_CANCELLED_IS_PROOF
            cancel_asked = false;
            to_queue()
#else
            status = CANCELLED /* "which is no proof: a `Sent` that comes later counts" */
#endif
        :: else
        fi
    fi;
    assert(!was_sent || status == SENT) /* "never back" */
}

proctype Gateway()
{
end:
    do
    :: d_step { /* the broker chooses a phone; (the first time phone 0: which one is called so makes no difference) */
        status == QUEUED && !too_late && attempt < ATTEMPTS && attempt == 0 -> give(0, DISPATCHED)
       }
    :: d_step { status == QUEUED && !too_late && attempt < ATTEMPTS && attempt > 0 -> give(0, DISPATCHED) }
    :: d_step { status == QUEUED && !too_late && attempt < ATTEMPTS && attempt > 0 -> give(1, DISPATCHED) }
    :: d_step { request_attempt != 0 -> take_back() }
    :: d_step { too_late && UNSENT(status) -> assert(submits == 0); status = EXPIRED }
#ifdef BUG_LISTED_BEFORE_COMMIT
    :: d_step { status == DISPATCHED && answer[device]?[_,_] -> status = ACCEPTED }
#endif
    od
}

/* ---- A phone ---- */

inline set_entry(d, which, state)
{
    entry[AT(d, which)] = state;
    reported[AT(d, which)] = false
}

inline take_listing(d)
{
    if
    :: to_cancel && is_old ->
        assert(false) /* it would send the message */
    :: to_cancel && !is_old && entry[AT(d, its_attempt)] == PENDING -> set_entry(d, its_attempt, APP_CANCELLED)
    :: to_cancel && !is_old && entry[AT(d, its_attempt)] == WORKING ->
        set_entry(d, its_attempt, CANCELLED_WORKING)
    :: to_cancel && !is_old && entry[AT(d, its_attempt)] == NONE && len(reports[d]) < ROOM ->
        reports[d]!its_attempt,APP_CANCELLED /* at once, and it is not on the list */
#ifdef BUG_APP_SENDS_KNOWN
    :: !to_cancel -> set_entry(d, its_attempt, PENDING)
#else
    :: !to_cancel && entry[AT(d, its_attempt)] == NONE -> set_entry(d, its_attempt, PENDING)
#endif
    :: else -> reported[AT(d, its_attempt)] = false /* a job, and no more */
    fi
}

/* What a radio may be given. */
inline submit(d, which)
{
    assert(submits == 0 || (unnoted && sender == d && sent_attempt == which));
    was_radioed = true;
    sender = d;
    sent_attempt = which
}

/* What the app does about one attempt. */
#define APP_STEPS(d, i) \
    :: d_step { \
        entry[AT(d, i)] == PENDING MAY_SEND -> \
        assert(!too_late); \
        set_entry(d, i, WORKING) \
       } \
    :: d_step { entry[AT(d, i)] == PENDING && too_late -> set_entry(d, i, APP_EXPIRED) } \
    :: d_step { /* the radio has it, and the app has noted that */ \
        entry[AT(d, i)] == WORKING || entry[AT(d, i)] == CANCELLED_WORKING -> \
        submit(d, i); \
        submits = 1; \
        unnoted = false; \
        raced = raced || entry[AT(d, i)] == CANCELLED_WORKING; \
        set_entry(d, i, PROCESSED) \
       } \
    :: d_step { /* "before it gives anything to the radio" */ \
        entry[AT(d, i)] == WORKING -> \
        set_entry(d, i, NOTHING_SENT); \
        submits = 0 \
       } \
    :: d_step { entry[AT(d, i)] == PROCESSED -> set_entry(d, i, APP_SENT) } \
    :: d_step { entry[AT(d, i)] == PROCESSED -> set_entry(d, i, APP_FAILED) } \
    :: d_step { \
        entry[AT(d, i)] == PROCESSED && !raced -> \
        set_entry(d, i, NOTHING_SENT); \
        submits = 0 \
       } \
    :: d_step { /* a job reads the list when it runs */ \
        entry[AT(d, i)] != NONE && !reported[AT(d, i)] && len(reports[d]) < ROOM -> \
        if \
        :: entry[AT(d, i)] == WORKING -> reports[d]!i,PENDING \
        :: entry[AT(d, i)] == CANCELLED_WORKING -> reports[d]!i,APP_CANCELLED \
        :: else -> reports[d]!i,entry[AT(d, i)] \
        fi; \
        reported[AT(d, i)] = true \
       }

proctype Phone(byte d)
{
end:
    do
    :: d_step {
        registration[d] == at_store[d] && device == d && !answer[d]?[_,_] &&
        (status == DISPATCHED || status == ACCEPTED || status == SENDING) &&
        (!calm || status == DISPATCHED || of_registration != at_store[d] || !confirmed) ->
        fetch(d)
       }
    :: d_step {
        answer[d]?[_,_] && len(reports[d]) < ROOM ->
        answer[d]?its_attempt,to_cancel;
        take_listing(d);
        its_attempt = 0;
        to_cancel = false
       }
    APP_STEPS(d, 1)
#if ATTEMPTS > 1
    APP_STEPS(d, 2)
#endif
    :: d_step {
        len(reports[d]) > 0 && registration[d] == at_store[d] ->
        reports[d]?its_attempt,its_state;
        store_report(d);
        its_attempt = 0;
        its_state = 0
       }
    od
}

/* ---- The world ---- */

inline kill_app(d, which)
{
    if
    :: entry[AT(d, which)] == WORKING || entry[AT(d, which)] == CANCELLED_WORKING ->
        /* before the radio had it, */
        if
        :: entry[AT(d, which)] == WORKING -> entry[AT(d, which)] = PENDING
        :: else -> entry[AT(d, which)] = APP_CANCELLED
        fi
    :: else
    fi
}

/* ... or after: the app sends once more when it starts again. */
inline kill_app_at_radio(d, which)
{
    submit(d, which);
    unnoted = true;
    entry[AT(d, which)] = PENDING
}

proctype World()
{
    byte d, i;
end:
    do
    :: atomic {
        !calm && faults < FAULTS ->
        if
        :: d = 0
        :: d = 1
        fi;
        if
        :: i = 1
#if ATTEMPTS > 1
        :: i = 2
#endif
        fi;
        if
        :: d_step { answer[d]?[_,_] -> answer[d]?_,_ }
        /* A report is lost, and comes again; or it counts, its answer is lost, and it comes again. */
        :: d_step { len(reports[d]) > 0 -> reports[d]?its_attempt,_; reported[AT(d, its_attempt)] = false; its_attempt = 0 }
        :: d_step { reported[AT(d, i)] && entry[AT(d, i)] != NONE -> reported[AT(d, i)] = false }
        /* It is given up. */
        :: d_step { len(reports[d]) > 0 -> reports[d]?_,_; accident = true }
        :: d_step { kill_app(d, i) }
        :: d_step { entry[AT(d, i)] == WORKING && !unnoted -> kill_app_at_radio(d, i) }
        /* Its user types another code: the list stays, */
        :: d_step { at_store[d] == 0 -> at_store[d] = 1; registration[d] = 1; accident = true }
        /* ... or is gone with the app. */
        :: d_step {
            at_store[d] == 0 ->
            at_store[d] = 1;
            registration[d] = 1;
            accident = true;
            entry[AT(d, 1)] = NONE;
            reported[AT(d, 1)] = false;
#if ATTEMPTS > 1
            entry[AT(d, 2)] = NONE;
            reported[AT(d, 2)] = false;
#endif
            if
            :: answer[d]?[_,_] -> answer[d]?_,_
            :: else
            fi;
            do
            :: len(reports[d]) > 0 -> reports[d]?_,_
            :: else -> break
            od
           }
        :: d_step { status == DISPATCHED && request_attempt == 0 ->
            request_attempt = attempt;
            request_device = device
           }
        fi;
        faults++;
        d = 0;
        i = 0
       }
    /* A client cancels it: of what an old app has "it cannot be cancelled". */
    :: d_step {
        !calm && !cancel_asked && (status == QUEUED || status == DISPATCHED || (status == ACCEPTED && UNDERSTANDS)) ->
        cancel_asked = true;
        if
        :: status == ACCEPTED
        :: else -> status = CANCELLED
        fi
       }
    :: d_step { !calm && !too_late -> too_late = true }
    :: d_step {
        !calm ->
        calm = true;
        faults = FAULTS
       }
    od
}

/* When nothing is left to do, the message is settled, and its status is honest. What is silent then will be `unknown`. */
proctype Settled()
{
end:
    timeout ->
    assert(status != DISPATCHED);
    assert(!IN_HAND(status) || accident || cancel_asked);
    assert(status != QUEUED || attempt == ATTEMPTS);
    assert(status != SENT || was_radioed);
    assert(submits == 0 || raced || (status != QUEUED && status != CANCELLED && status != EXPIRED));
    assert(status != UNKNOWN || accident)
}

init {
    atomic {
        if
        :: is_old = false
        :: is_old = true
        fi;
        run Gateway();
        run Phone(0);
        run Phone(1);
        run World();
        run Settled()
    }
}
