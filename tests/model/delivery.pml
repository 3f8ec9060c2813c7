/*
 * The assured level of ws-broker/PROTOCOL.md, as a model that Spin searches completely: one
 * message, two phones, and a world in which connections break, the gateway is killed, and phones
 * crash or are wiped, each at any instant. tests/test_model.py runs it with one fault, `make
 * model` with two.
 *
 * Read it beside PROTOCOL.md; what stands in quotation marks is from there. A step here (a
 * d_step) is one transaction, or one write to a journal, with the frames that follow it. That a
 * program may die between the two is in it all the same: whatever is in a channel can be lost.
 *
 * Each macro BUG_* breaks one rule, and the search must then find what goes wrong: a model that
 * catches nothing proves nothing.
 *
 * Not in it: incoming SMS (incoming.pml), several messages, parts of a message, permanent codes (they are `failed` as
 * ambiguous ones are), credit, pauses, clocks that differ, a database restored from a backup, a third phone,
 * and that the connection is closed after ACK_TIMEOUT_SECONDS (that is another fault, which may
 * come or not). Of an entry's reports only the last is sent again. The horizon
 * (REPORT_HORIZON_HOURS) is there with -DHORIZON only: without it the search shows that no phone
 * that comes back ever needs it.
 */
#ifndef FAULTS
#define FAULTS 1 /* broken connections, killed gateways, crashed or wiped phones, timeouts */
#endif
#ifndef ATTEMPTS
#define ATTEMPTS 3 /* so often the message is offered; then it stays queued */
#endif

#define NOBODY 2
#define DONE(entry) (entry == DONE_SENT || entry == DONE_DELIVERED || entry == DONE_UNDELIVERED || \
                     entry == DONE_FAILED || entry == DONE_NOTHING || entry == DONE_UNKNOWN || \
                     entry == DONE_CANCELLED || entry == DONE_EXPIRED)
#define TO_REPORT(entry) (entry == SUBMITTING || DONE(entry))
#define IN_HAND(status) (status == ACCEPTED || status == SENDING)
/* `seq` grows with each report of a journal. Which of two about one attempt has the lower one: */
#define OLDER(entry, than) \
    ((entry == SUBMITTING && than != NONE && than != SUBMITTING) || \
     (entry == DONE_UNKNOWN && than == DONE_SENT) || \
     ((entry == DONE_UNKNOWN || entry == DONE_SENT) && \
      (than == DONE_DELIVERED || than == DONE_UNDELIVERED)))
/* The frame is about what this phone was given last, with the journal it had then. */
#define MATCHES(d) (device == d && attempt == frame_attempt && epoch == frame_epoch)
#define NOTHING_SENT(entry) (entry == DONE_NOTHING || entry == DONE_CANCELLED || \
                             entry == DONE_EXPIRED)

#ifdef BUG_REQUEUE_RELEASED
#define TAKEN_BACK(status) (status == DISPATCHED || status == ACCEPTED)
#else
#define TAKEN_BACK(status) (status == DISPATCHED)
#endif
#ifdef BUG_EXPIRES_AFTER_RELEASE
#define UNSENT(status) (status == QUEUED || status == DISPATCHED || status == ACCEPTED)
#else
#define UNSENT(status) (status == QUEUED || status == DISPATCHED)
#endif
#ifdef BUG_REVOKED_IN_SUBMITTING
#define REVOCABLE(entry) (entry == OFFERED || entry == RELEASED || entry == SUBMITTING)
#else
#define REVOCABLE(entry) (entry == OFFERED || entry == RELEASED)
#endif

#ifdef BUG_SENDS_EXPIRED
#define MAY_SEND
#else
#define MAY_SEND && !too_late
#endif

/* Statuses of the message. */
mtype = { QUEUED, DISPATCHED, ACCEPTED, SENDING, SENT, DELIVERED, FAILED, CANCELLED, EXPIRED,
          UNKNOWN };

/* Entries of a journal. `done` goes with what is to be reported: the network took the text, the
   recipient has it, or never will (`failed`); `failed` with an ambiguous code, it may have been
   sent; `failed` with a definite code, nothing was sent; `unknown`; `cancelled`. */
mtype = { NONE, OFFERED, RELEASED, SUBMITTING, DROPPED,
          DONE_SENT, DONE_DELIVERED, DONE_UNDELIVERED,
          DONE_FAILED, DONE_NOTHING, DONE_UNKNOWN, DONE_CANCELLED, DONE_EXPIRED };

/* ---- The store: durable ---- */

mtype status = QUEUED;
byte attempt = 0;
byte device = NOBODY;     /* the phone that was given this attempt */
bit epoch = 0;            /* of that phone's journal, then */
bool cancel_asked = false;
mtype last_report = NONE; /* about this attempt: the one with the highest `seq` */
bit device_epoch[2];      /* of each phone's journal, in its last `hello` */

/* ---- The gateway's memory: lost when it is killed ---- */

/* A session ended, or nothing acknowledged the offer: a request to return this attempt to the queue is
   on its way to the store, and may get there much later. */
byte request_attempt = 0; /* 0: there is none */
byte request_device = 0;

#if defined(BUG_RELEASE_BEFORE_COMMIT) || defined(BUG_REPORT_ACK_BEFORE_COMMIT)
mtype owed_status = 0; /* what is answered, and yet to be committed; 0: nothing */
byte owed_device = 0;
byte owed_attempt = 0;
bit owed_epoch = 0;
#endif

/* ---- Connections ---- */

mtype = { GONE, OPENED, UP }; /* UP: its `hello` is committed */
mtype link[2] = UP;

mtype = { HELLO, ACK, NACK, REPORT };
mtype = { OFFER, RELEASE, DROP, REVOKE, REPORT_ACK };

/* Frame; attempt; the entry, in HELLO as the journal is sent, in REPORT for the status to report;
   the session's epoch. Attempt and entry stand for the `seq` of a report too, as no two have
   both. */
chan from_phone[2] = [3] of { mtype, byte, mtype, bit };
/* Likewise, of broken connections, which the gateway has yet to read; and how many of the first are
   of a session that is no longer the newest of its device. */
chan late[2] = [2] of { mtype, byte, mtype, bit };
byte outdated[2];

/* Frame; attempt; in REPORT_ACK the entry. When the connection is gone, a phone may read what is
   left of it, even when it has connected anew, or not. */
chan to_phone[2] = [4] of { mtype, byte, mtype };

/* ---- The phones ---- */

/* The journal: durable. */
mtype entry[2] = NONE;
byte entry_attempt[2];
bit journal_epoch[2];   /* a phone is wiped once at most */
bool acknowledged[2];   /* the report of this entry */

/* Lost in a crash. */
bool reported[2];       /* the same, on this connection */
bool radio[2];          /* the radio has the text; its answer is not in the journal yet */

/* ---- What only the properties look at ---- */

byte submits = 0;          /* how often a radio was given the text */
byte released_to = NOBODY; /* the phone that may send it */
bool accident = false;     /* a phone died in `submitting`, or was wiped, or the horizon passed */
bool was_sent = false;     /* the store has said `sent` */

/* ---- The world ---- */

byte faults = 0;
bool too_late = false; /* `expires_at` has come */
bool calm = false; /* from here on nothing happens from outside, and everything must settle */

/* The frame that is being read. Not part of the state: set and used within one d_step. */
hidden mtype frame;
hidden byte frame_attempt;
hidden mtype frame_entry;
hidden byte frame_epoch;
hidden byte newest;
/* One that is being moved. */
hidden mtype moved;
hidden byte moved_attempt;
hidden mtype moved_entry;
hidden byte moved_epoch;
hidden byte kept;

inline discard(channel)
{
    do
    :: len(channel) > 0 -> channel?_,_,_,_
    :: else -> break
    od
}

inline discard_to_phone(d)
{
    do
    :: len(to_phone[d]) > 0 -> to_phone[d]?_,_,_
    :: else -> break
    od
}

inline send(d, its_frame, its_attempt, its_entry)
{
    if
    :: link[d] == UP -> to_phone[d]!its_frame,its_attempt,its_entry
    :: else /* the connection is gone, and the frame with it */
    fi
}

/* A connection ends; of what the phone has sent, the gateway will still read `keep` frames. */
inline close(d, keep)
{
    link[d] = GONE;
    reported[d] = false;
    kept = keep;
    do
    :: kept > 0 && len(from_phone[d]) > 0 && len(late[d]) < 2 ->
        from_phone[d]?moved,moved_attempt,moved_entry,moved_epoch;
        late[d]!moved,moved_attempt,moved_entry,moved_epoch;
        kept--
    :: else -> break
    od;
    discard(from_phone[d])
}

/* ---- What the gateway commits ---- */

inline to_queue()
{
    assert(submits == 0); /* nothing that a radio had is given to another phone */
    status = QUEUED;
    device = NOBODY;
    epoch = 0
}

/* "it stores `dispatched` before `offer`" */
inline hand_over(d)
{
    status = DISPATCHED;
    attempt++;
    device = d;
    epoch = device_epoch[d];
    last_report = NONE;
    send(d, OFFER, attempt, NONE)
}

/* A session end or a timeout takes back what was offered, and nothing that was released: "if the
   release was stored, the phone is given `release` when it comes back". It changes nothing when the message
   has moved on. */
inline take_back(its_device, its_attempt)
{
    if
    :: TAKEN_BACK(status) && device == its_device && attempt == its_attempt -> to_queue()
    :: else
    fi
}

inline request_take_back()
{
    if
    :: request_attempt != 0 -> take_back(request_device, request_attempt)
    :: else
    fi;
    request_device = device;
    request_attempt = attempt
}

/* "The gateway releases a message to one phone only, unless that phone has proved with a definite
   code that it sent nothing." */
inline release(d)
{
    assert(released_to == NOBODY || released_to == d);
    released_to = d;
    send(d, RELEASE, attempt, NONE)
}

/* "it stores [...] `accepted` before `release`": the point of no return. */
inline accept(d)
{
    status = ACCEPTED;
    release(d)
}

/* An `ack` counts on the newest session of the device, for this device, attempt and journal. */
inline take_ack(d)
{
    if
    :: !newest
    :: else -> if
#if defined(BUG_RELEASE_BEFORE_COMMIT)
        :: status == DISPATCHED && MATCHES(d) ->
            release(d);
            owed_status = ACCEPTED;
            owed_device = d;
            owed_attempt = frame_attempt
#elif defined(BUG_ACK_OF_ANY_ATTEMPT)
        :: status == DISPATCHED && device == d -> accept(d)
#elif defined(BUG_ACK_OF_ANY_DEVICE)
        :: status == DISPATCHED ->
            device = d;
            attempt = frame_attempt;
            accept(d)
#else
        :: status == DISPATCHED && MATCHES(d) ->
            accept(d)
#endif
        :: status == ACCEPTED && MATCHES(d) ->
            release(d)
        :: else -> send(d, DROP, frame_attempt, NONE) /* "Another phone may have the message now." */
        fi
    fi
}

/* The move a report makes: device and attempt match, and it is legal. Otherwise none. */
inline store_report(d, its_attempt, its_status, its_epoch)
{
    if
#ifdef BUG_REPORT_OF_ANY_ATTEMPT
    :: device != d
#else
    :: device != d || attempt != its_attempt
#endif
    /* An old connection's `sent`, read after a new one's `failed`, would win: `failed` may become
       `sent` by evidence. */
#ifndef BUG_OLDER_REPORTS_COUNT
    :: device == d && attempt == its_attempt && OLDER(its_status, last_report)
#endif
    :: else ->
        last_report = its_status;
        if
        :: its_status == SUBMITTING && status == ACCEPTED -> status = SENDING
        :: its_status == DONE_SENT && status != QUEUED && status != DELIVERED -> status = SENT
        :: its_status == DONE_DELIVERED && status != QUEUED -> status = DELIVERED
        :: its_status == DONE_UNDELIVERED &&
           (IN_HAND(status) || status == SENT || status == UNKNOWN) ->
            status = FAILED
        :: its_status == DONE_FAILED && (IN_HAND(status) || status == UNKNOWN) ->
#ifdef BUG_AMBIGUOUS_REQUEUED
            released_to = NOBODY;
            to_queue()
#else
            status = FAILED /* "it may have been sent, so it is never sent again by itself" */
#endif
        :: its_status == DONE_NOTHING && IN_HAND(status) && epoch == its_epoch ->
            /* "nothing was sent: the message returns to the queue". But the `revoke` of one that
               is to be cancelled may have crossed this report. */
            released_to = NOBODY;
            if
#ifndef BUG_CANCEL_FORGOTTEN
            :: cancel_asked ->
                assert(submits == 0);
                status = CANCELLED
#endif
            :: else -> to_queue()
            fi
        :: its_status == DONE_NOTHING && status == UNKNOWN -> status = FAILED
        :: its_status == DONE_UNKNOWN && IN_HAND(status) -> status = UNKNOWN
        :: its_status == DONE_CANCELLED && status == ACCEPTED -> status = CANCELLED
        :: its_status == DONE_EXPIRED && (status == ACCEPTED || status == UNKNOWN) ->
            status = EXPIRED
        :: else
        fi
    fi;
    if
    :: its_status == DONE_SENT || its_status == DONE_DELIVERED -> was_sent = true
    :: else
    fi;
    /* "evidence that it was sent is never dropped" */
    assert(!was_sent || status == SENT || status == DELIVERED || status == FAILED)
}

/* A report counts from any session; "a report before `report_ack`". The gateway acknowledges every
   one, "also one that changes nothing". */
inline take_report(d, is_late)
{
#ifdef BUG_REPORT_ACK_BEFORE_COMMIT
    owed_status = frame_entry;
    owed_device = d;
    owed_attempt = frame_attempt;
    owed_epoch = frame_epoch;
#else
    store_report(d, frame_attempt, frame_entry, frame_epoch);
#endif
    if
    :: is_late
    :: else -> send(d, REPORT_ACK, frame_attempt, frame_entry)
    fi
}

/* `hello` and the journal: one transaction. The session begins, and what the phone was given before
   is compared with what its journal says. */
inline take_hello(d, is_late)
{
    if
    :: is_late -> if
        :: link[d] == UP -> close(d, 2) /* 4001, though the other one is dead: it connects anew */
        :: else
        fi
    :: else -> link[d] = UP
    fi;
    outdated[d] = len(late[d]);
    device_epoch[d] = frame_epoch;
    if
#ifndef BUG_EPOCH_IGNORED
    /* the phone comes back with another journal id: "what was not released to it goes to any phone; what
       was released is `unknown`" */
    :: device == d && epoch != frame_epoch && status == DISPATCHED -> to_queue()
    :: device == d && epoch != frame_epoch && IN_HAND(status) -> status = UNKNOWN
#ifdef BUG_WIPE_OVER_SENT
    :: device == d && epoch != frame_epoch && status == SENT -> status = UNKNOWN
#endif
#endif
    :: else -> if
        :: status == DISPATCHED && MATCHES(d) && frame_entry == OFFERED ->
            accept(d) /* an `ack` that was lost */
        :: status == DISPATCHED && device == d && !(MATCHES(d) && frame_entry == OFFERED) ->
            to_queue() /* before `ack` arrives: "it goes to any phone, with a higher attempt" */
        :: status == ACCEPTED && MATCHES(d) && frame_entry == OFFERED ->
            release(d) /* "the phone is given `release` when it comes back" */
        :: else /* after `release`: "it stays this phone's" */
        fi
    fi;
#ifndef BUG_NO_DROP
    /* "`release` or `drop` for each entry in `offered`" */
    if
    :: frame_entry == OFFERED && !(status == ACCEPTED && MATCHES(d)) ->
        send(d, DROP, frame_attempt, NONE)
    :: else
    fi;
#endif
    /* "`revoke` for each message to be cancelled" */
    if
    :: cancel_asked && IN_HAND(status) && device == d -> send(d, REVOKE, attempt, NONE)
    :: else
    fi
}

inline take_frame(d, is_late)
{
    if
    :: frame == HELLO -> take_hello(d, is_late)
    :: frame == ACK -> take_ack(d)
    :: frame == NACK -> take_back(d, frame_attempt)
    :: frame == REPORT -> take_report(d, is_late)
    fi;
    frame = 0
}

/* What the gateway does for the connections of one phone. */
proctype Session(byte d)
{
end:
    do
    /* A queued message goes to any phone that is there. (The first time to phone 0: which one is
       called so makes no difference.) */
    :: d_step {
        status == QUEUED && !too_late && attempt < ATTEMPTS && link[d] == UP && len(to_phone[d]) < 4 &&
        (attempt > 0 || d == 0) ->
        hand_over(d)
       }
    :: d_step {
        len(from_phone[d]) > 0 && len(to_phone[d]) <= 2 ->
        from_phone[d]?frame,frame_attempt,frame_entry,frame_epoch;
        newest = true;
        take_frame(d, false)
       }
    /* Of a connection that the phone has given up. There is nobody to answer to. */
    :: d_step {
        len(late[d]) > 0 ->
        late[d]?frame,frame_attempt,frame_entry,frame_epoch;
        newest = (outdated[d] == 0);
        if
        :: outdated[d] > 0 -> outdated[d]--
        :: else
        fi;
        take_frame(d, true)
       }
    od
}

/* What it does besides. */
proctype Store()
{
end:
    do
    :: d_step {
        request_attempt != 0 ->
        take_back(request_device, request_attempt);
        request_attempt = 0;
        request_device = 0
       }
    /* As long as no phone was released to send it, the gateway ends it by itself. */
    :: d_step { too_late && UNSENT(status) -> status = EXPIRED }
#if defined(BUG_RELEASE_BEFORE_COMMIT) || defined(BUG_REPORT_ACK_BEFORE_COMMIT)
    :: d_step {
        owed_status != 0 ->
        if
        :: owed_status == ACCEPTED -> if
            :: status == DISPATCHED && device == owed_device && attempt == owed_attempt ->
                status = ACCEPTED
            :: else
            fi
        :: else -> store_report(owed_device, owed_attempt, owed_status, owed_epoch)
        fi;
        owed_status = 0;
        owed_device = 0;
        owed_attempt = 0;
        owed_epoch = 0
       }
#endif
    od
}

/* ---- A phone ---- */

/* A new entry, and a report of its own: "A report belongs to (message id, attempt, status)". */
inline journal(d, its_entry)
{
    entry[d] = its_entry;
    radio[d] = radio[d] && its_entry == SUBMITTING;
#ifndef BUG_REPORTED_PER_ID
    acknowledged[d] = false;
#endif
    reported[d] = false
}

/* "Reconnect whenever the connection ends", with the journal as it is now. */
inline connect(d)
{
    link[d] = OPENED;
    if
    :: entry[d] == OFFERED -> from_phone[d]!HELLO,entry_attempt[d],OFFERED,journal_epoch[d]
    :: entry[d] == RELEASED || entry[d] == SUBMITTING || (DONE(entry[d]) && !acknowledged[d]) ->
        from_phone[d]!HELLO,entry_attempt[d],RELEASED,journal_epoch[d]
    :: else -> from_phone[d]!HELLO,0,NONE,journal_epoch[d]
    fi
}

proctype Phone(byte d)
{
end:
    do
    :: d_step { link[d] == GONE -> connect(d) }
    :: d_step { link[d] == GONE && len(to_phone[d]) > 0 -> discard_to_phone(d); connect(d) }
    :: d_step {
        to_phone[d]?[OFFER,_,_] && len(from_phone[d]) < 3 ->
        to_phone[d]?OFFER,frame_attempt,_;
        if
        :: entry[d] == NONE || (entry_attempt[d] < frame_attempt &&
                                (entry[d] == OFFERED || entry[d] == DROPPED ||
                                 NOTHING_SENT(entry[d]))) ->
            entry_attempt[d] = frame_attempt;
#ifdef BUG_SUBMIT_AT_OFFER
            entry[d] = RELEASED;
#else
            entry[d] = OFFERED; /* "journals `offered` with this attempt and text, sends `ack`" */
#endif
            if
            :: link[d] != GONE -> from_phone[d]!ACK,frame_attempt,NONE,journal_epoch[d]
            :: else
            fi
        :: entry[d] == OFFERED && entry_attempt[d] == frame_attempt ->
            if
            :: link[d] != GONE -> from_phone[d]!ACK,frame_attempt,NONE,journal_epoch[d]
            :: else
            fi
        :: else -> reported[d] = false /* "sends its last report again" */
        fi
       }
    /* "A phone that cannot send it at all [...] answers `nack`" */
    :: d_step {
        to_phone[d]?[OFFER,_,_] && link[d] == UP && len(from_phone[d]) < 3 ->
        to_phone[d]?OFFER,frame_attempt,_;
        from_phone[d]!NACK,frame_attempt,NONE,journal_epoch[d]
       }
    :: d_step {
        to_phone[d]?[RELEASE,_,_] ->
        to_phone[d]?RELEASE,frame_attempt,_;
        if /* "If not, do nothing: a release may come twice." */
        :: entry[d] == OFFERED && entry_attempt[d] == frame_attempt -> entry[d] = RELEASED
#ifdef BUG_RELEASE_TWICE
        :: DONE(entry[d]) -> entry[d] = RELEASED
#endif
        :: else
        fi
       }
    :: d_step {
        to_phone[d]?[DROP,_,_] ->
        to_phone[d]?DROP,frame_attempt,_;
        if
        :: entry[d] == OFFERED && entry_attempt[d] == frame_attempt -> entry[d] = DROPPED
        :: else
        fi
       }
    :: d_step {
        to_phone[d]?[REVOKE,_,_] ->
        to_phone[d]?REVOKE,frame_attempt,_;
        if /* "From `submitting` on it is too late" */
        :: REVOCABLE(entry[d]) && entry_attempt[d] == frame_attempt -> journal(d, DONE_CANCELLED)
        :: else
        fi
       }
    :: d_step {
        to_phone[d]?[REPORT_ACK,_,_] ->
        to_phone[d]?REPORT_ACK,frame_attempt,frame_entry;
        if
        :: entry_attempt[d] == frame_attempt && entry[d] == frame_entry ->
            acknowledged[d] = true;
            reported[d] = false;
            /* acknowledged: it is stored, or will never matter */
            assert(status != ACCEPTED || device != d || attempt != frame_attempt)
        :: else
        fi
       }
    /* "journal `released`, then `submitting`, then hand it to the radio" */
    :: d_step {
        entry[d] == RELEASED MAY_SEND ->
        assert(!too_late); /* nothing is sent that has expired */
        journal(d, SUBMITTING)
       }
    /* "If `expires_at` has passed by the time the entry would become `submitting`" */
    :: d_step { entry[d] == RELEASED && too_late -> journal(d, DONE_EXPIRED) }
    :: d_step {
        entry[d] == SUBMITTING && !radio[d] ->
        radio[d] = true;
        submits++;
        assert(submits <= 1) /* "A message is handed to a radio at most once." */
       }
    :: d_step { entry[d] == SUBMITTING && !radio[d] -> journal(d, DONE_NOTHING) }
    :: d_step { radio[d] -> journal(d, DONE_SENT) }
    :: d_step { radio[d] -> journal(d, DONE_FAILED) }
    /* Reports of the network; they may come, or not. The second one is late proof. */
    :: d_step { entry[d] == DONE_SENT && !calm -> journal(d, DONE_DELIVERED) }
    :: d_step { entry[d] == DONE_SENT && !calm -> journal(d, DONE_UNDELIVERED) }
    :: d_step { entry[d] == DONE_UNKNOWN && submits > 0 && !calm -> journal(d, DONE_SENT) }
    /* "A report is sent again on each connection until it is acknowledged." */
    :: d_step {
        TO_REPORT(entry[d]) && !acknowledged[d] && !reported[d] &&
        link[d] == UP && len(from_phone[d]) < 3 ->
        from_phone[d]!REPORT,entry_attempt[d],entry[d],journal_epoch[d];
        reported[d] = true
       }
    od
}

/* ---- The world ---- */

/* ... and the gateway notices. */
inline disconnect(d, keep)
{
    if
    :: link[d] != GONE ->
        close(d, keep);
        if
        :: device == d && TAKEN_BACK(status) -> request_take_back()
        :: else
        fi
    :: else
    fi
}

inline kill_gateway()
{
    disconnect(0, 0);
    disconnect(1, 0);
    discard(late[0]);
    discard(late[1]);
    outdated[0] = 0;
    outdated[1] = 0;
#if defined(BUG_RELEASE_BEFORE_COMMIT) || defined(BUG_REPORT_ACK_BEFORE_COMMIT)
    owed_status = 0;
    owed_device = 0;
    owed_attempt = 0;
    owed_epoch = 0;
#endif
    /* The next one finds in the store what was offered, and takes it back. */
    request_attempt = 0;
    request_device = 0;
    if
    :: status == DISPATCHED -> request_take_back()
    :: else
    fi
}

/* "On start, an entry in `submitting` is never handed to the radio again: it becomes `done` with
   `unknown`, or `sent` if the phone's own list of sent messages proves it." */
inline crash(d, keep, proved)
{
    disconnect(d, keep);
    discard_to_phone(d);
    if
#ifdef BUG_RESUBMITS
    :: entry[d] == SUBMITTING -> radio[d] = false
#else
    :: entry[d] == SUBMITTING && radio[d] && proved -> journal(d, DONE_SENT)
    :: entry[d] == SUBMITTING && !(radio[d] && proved) ->
        accident = true;
        journal(d, DONE_UNKNOWN)
#endif
    :: else
    fi
}

/* "a phone that was wiped [...] makes a new journal with a new id" */
inline wipe(d, keep)
{
    disconnect(d, keep);
    discard_to_phone(d);
    accident = true;
    entry[d] = NONE;
    entry_attempt[d] = 0;
    journal_epoch[d] = 1;
    acknowledged[d] = false;
    radio[d] = false
}

proctype World()
{
    byte d, keep;
end:
    do
    :: atomic {
        !calm && faults < FAULTS ->
        if
        :: d = 0
        :: d = 1
        fi;
        if
        :: keep = 0
        :: len(from_phone[d]) >= 1 -> keep = 1
        :: len(from_phone[d]) >= 2 -> keep = 2
        fi;
        if
        :: link[d] != GONE -> d_step { disconnect(d, keep) }
        :: d == 0 && keep == 0 -> d_step { kill_gateway() }
        :: d_step { crash(d, keep, false) }
        :: radio[d] -> d_step { crash(d, keep, true) }
        :: journal_epoch[d] == 0 -> d_step { wipe(d, keep) }
        fi;
        faults++;
        d = 0;
        keep = 0
       }
    /* ACK_TIMEOUT_SECONDS pass, though the phone is there. (That the connection is closed then is
       another fault: it may come at once, or too late.) */
    :: d_step {
        !calm && faults < FAULTS && status == DISPATCHED && request_attempt == 0 ->
        faults++;
        request_take_back()
       }
    /* The API cancels it, or its recipient opts out: at once, or by a `revoke`. A phone that is sending it
       cannot cancel it, but what was not sent does not return to the queue after an opt-out. */
    :: d_step {
        !calm && !cancel_asked &&
        (status == QUEUED || status == DISPATCHED || status == SENDING ||
         (status == ACCEPTED && len(to_phone[device]) < 4)) ->
        cancel_asked = true;
        if
        :: status == SENDING
        :: status == ACCEPTED -> send(device, REVOKE, attempt, NONE)
        :: else -> status = CANCELLED
        fi
       }
    :: d_step { !calm && !too_late -> too_late = true }
#ifdef HORIZON
    :: d_step {
        !calm && status == ACCEPTED ->
        status = UNKNOWN;
        accident = true
       }
#endif
    :: d_step {
        !calm ->
        calm = true;
        faults = FAULTS
       }
    od
}

/* What a phone that still has the message in its journal said last, the store says. */
inline agrees(d)
{
    /* No phone waits for a release, or forgets a report. */
    assert(entry[d] != OFFERED && entry[d] != RELEASED && entry[d] != SUBMITTING);
    assert(!DONE(entry[d]) || acknowledged[d]);
    if
    :: device == d && attempt == entry_attempt[d] ->
        assert(entry[d] != DONE_SENT || status == SENT);
        assert(entry[d] != DONE_DELIVERED || status == DELIVERED);
        assert(entry[d] != DONE_UNDELIVERED || status == FAILED);
        assert(entry[d] != DONE_FAILED || status == FAILED);
        assert(entry[d] != DONE_UNKNOWN || status == UNKNOWN);
        assert(entry[d] != DONE_EXPIRED || status == EXPIRED);
        assert(entry[d] != DONE_CANCELLED || status == CANCELLED || (status == UNKNOWN && accident))
    :: else
    fi
}

/* When nothing is left to do, the message is settled, and its status is honest. */
proctype Settled()
{
end:
    timeout ->
    assert(status != DISPATCHED && status != ACCEPTED && status != SENDING);
    assert(status != QUEUED || (attempt == ATTEMPTS && !cancel_asked));
    assert((status != SENT && status != DELIVERED) || submits == 1);
    assert(submits == 0 || (status != QUEUED && status != CANCELLED && status != EXPIRED));
    assert(status != UNKNOWN || accident);
    assert(!was_sent || status == SENT || status == DELIVERED || status == FAILED);
    agrees(0);
    agrees(1)
}

init {
    atomic {
        run Session(0);
        run Session(1);
        run Store();
        run Phone(0);
        run Phone(1);
        run World();
        run Settled()
    }
}
