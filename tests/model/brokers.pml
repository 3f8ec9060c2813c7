/*
 * Two brokers on one store, as a model that Spin searches completely: one message, a phone that moves between both brokers in the
 * middle of it, and a second phone to which it could go meanwhile, of the assured level or a basic one. tests/test_model.py runs it.
 *
 * A step here (a d_step) is one transaction, or one write to a journal, with the frames that follow it. A broker that is frozen
 * takes no step, which is in every order of steps already: its lease runs out, the other one ends it, and it goes on with what
 * it remembers. A transaction may be committed, or not, without its broker knowing which: a claim that was committed so is undone
 * late, at any later instant, also by a broker that was ended since.
 *
 * Each macro BUG_* breaks one rule, and the search must then find what goes wrong.
 *
 * Not in it: what delivery.pml has for one broker (reports that are late, phones that crash or are wiped, cancelling, expiry), and
 * polled phones. Names of brokers, and their clocks.
 */
#ifndef FAULTS
#define FAULTS 2 /* connections that break or move, killed brokers, leases that run out, outcomes that are unknown, timeouts */
#endif
#ifndef ATTEMPTS
#define ATTEMPTS 3 /* so often the message is offered; then it stays queued */
#endif

#define NOBODY 2
#define AT(b, d) (2 * (b) + (d))
#define OTHER(b) (1 - (b))

/* ---- The store: durable ---- */

mtype = { QUEUED, DISPATCHED, ACCEPTED, SENT };
mtype status = QUEUED;
byte attempt = 0;
byte device = NOBODY;
byte epoch[2];                      /* of each phone's newest connection */
byte on_broker[2] = NOBODY;         /* where that is; NOBODY: it has ended */
bool lease[2] = true;
bool over[2];                       /* its time is over, unless it is renewed before another broker looks */

/* ---- A broker's memory ---- */

byte session[4];                    /* by AT: the epoch of the connection that it has; 0: none */
byte offered[4];                    /* the attempt that was offered on it, until it is released; 0: none */
byte doubt[4];                      /* the attempt of a claim for it whose outcome was unknown; 0: none */

/* ---- Connections ---- */

mtype = { GONE, OPENED, UP, BROKEN };  /* OPENED: without an answer to `hello`. BROKEN: its broker does not know yet */
mtype link[4] = GONE;
mtype = { HELLO, ACK };
mtype = { OFFER, RELEASE, DROP };
chan from_phone[4] = [2] of { mtype, byte };  /* HELLO: the attempt that the journal has as offered, or 0 */
chan to_phone[4] = [3] of { mtype, byte };

/* ---- The phones ---- */

bool basic;                         /* phone 1 is: what it is told to send it sends at once, and no journal knows of it */
#define IS_BASIC(d) ((d) == 1 && basic)

mtype = { NONE, OFFERED, RELEASED, DONE, DROPPED };
mtype entry[2] = NONE;
byte entry_attempt[2];
bool acknowledged[2];
byte current[2] = NOBODY;           /* the broker that it takes for its own; it still reads what comes by an older connection */

/* ---- What only the properties look at, and the world ---- */

byte submits = 0;
bool written;                       /* a frame with the message, to a basic phone */
bool killed_in_doubt;               /* a broker, whose claim for a basic phone was committed, and who could not undo it */
byte faults = 0;
bool calm = false;

hidden mtype frame;
hidden byte frame_attempt;
hidden byte i;

inline send(b, d, its_frame, its_attempt)
{
    if
    :: link[AT(b, d)] == UP -> to_phone[AT(b, d)]!its_frame,its_attempt
    :: else
    fi
}

#define HAS_ROOM(b, d) (len(to_phone[AT(b, d)]) <= 1)

inline discard(channel)
{
    do
    :: len(channel) > 0 -> channel?_,_
    :: else -> break
    od
}

/* ---- What is committed ---- */

inline to_queue()
{
    assert(submits == 0 && !written); /* nothing that a radio had, or may have, is given to another phone */
    status = QUEUED;
    device = NOBODY
}

inline release(b, d)
{
    status = ACCEPTED;
    offered[AT(b, d)] = 0;
    send(b, d, RELEASE, attempt)
}

/* The slot of a claim is for the newest connection of its phone, and for none that was ended. */
#define IS_NEWEST(b, d) (session[AT(b, d)] == epoch[d])
#define IS_THERE(b, d)  (on_broker[d] == b)
#ifdef BUG_HAND_OVER_ON_OLD_SESSION
#define MAY_HAVE(b, d) (!IS_NEWEST(b, d) || IS_THERE(b, d))
#elif defined(BUG_ZOMBIE_HANDS_OVER)
#define MAY_HAVE(b, d) IS_NEWEST(b, d)
#else
#define MAY_HAVE(b, d) (IS_NEWEST(b, d) && IS_THERE(b, d))
#endif

inline claim(b, d)
{
    assert(IS_NEWEST(b, d) && IS_THERE(b, d)); /* H1 */
    status = (IS_BASIC(d) -> ACCEPTED : DISPATCHED);
    attempt++;
    device = d
}

#define IS_CLAIM_OF(b, d)                                                                                                          \
    (device == d && attempt == doubt[AT(b, d)] && status == (IS_BASIC(d) -> ACCEPTED : DISPATCHED))

/* It is known now that the claim was committed, and nothing was sent of it. */
inline undo_claim(b, d)
{
    if
    :: IS_CLAIM_OF(b, d) -> to_queue()
    :: else
    fi;
    doubt[AT(b, d)] = 0
}

/* The broker remembers nothing. */
inline forget_doubt(b, d)
{
    if
    :: doubt[AT(b, d)] != 0 && IS_CLAIM_OF(b, d) && IS_BASIC(d) -> killed_in_doubt = true
    :: else
    fi;
    doubt[AT(b, d)] = 0
}

/* The connection has ended here: what was offered on it returns to the queue, and it is not the phone's any more. */
inline end_session(b, d)
{
    if
    :: status == DISPATCHED && device == d && attempt == offered[AT(b, d)] -> to_queue()
    :: else
    fi;
    if
    :: on_broker[d] == b && epoch[d] == session[AT(b, d)] -> on_broker[d] = NOBODY
    :: else
    fi;
    session[AT(b, d)] = 0;
    offered[AT(b, d)] = 0;
    link[AT(b, d)] = GONE;
    discard(from_phone[AT(b, d)]);
    discard(to_phone[AT(b, d)]);
    if
    :: current[d] == b -> current[d] = NOBODY
    :: else
    fi
}

/* Its offers return to the queue, and its phones are no longer connected. */
inline end_broker(b)
{
    i = 0;
    do
    :: i < 2 ->
        if
        :: on_broker[i] == b ->
            on_broker[i] = NOBODY;
            if
            :: status == DISPATCHED && device == i -> to_queue()
            :: else
            fi
        :: else
        fi;
        i++
    :: else -> break
    od;
    lease[b] = false;
    over[b] = false
}

/* One transaction: the newest connection, and what the journal says of the message. */
inline connect(b, d)
{
    epoch[d]++;
    session[AT(b, d)] = epoch[d];
    on_broker[d] = b;
    link[AT(b, d)] = UP;
    if
    :: status == DISPATCHED && device == d && frame_attempt == attempt -> release(b, d)
    :: status == DISPATCHED && device == d && frame_attempt != attempt ->
        to_queue();
        if
        :: frame_attempt != 0 -> send(b, d, DROP, frame_attempt)
        :: else
        fi
    :: status == ACCEPTED && device == d && frame_attempt == attempt -> release(b, d)
    :: else ->
        if
        :: frame_attempt != 0 -> send(b, d, DROP, frame_attempt)
        :: else
        fi
    fi
}

/* On a connection that its phone has replaced it changes nothing, and is not answered. */
inline take_ack(b, d)
{
    if
#ifndef BUG_ANSWERS_OLD_SESSION
    :: !IS_NEWEST(b, d) -> end_session(b, d)
#endif
    :: IS_NEWEST(b, d) && (status == DISPATCHED || status == ACCEPTED) && device == d &&
       attempt == frame_attempt ->
        release(b, d)
    :: else -> send(b, d, DROP, frame_attempt)
    fi
}

proctype Session(byte b; byte d)
{
end:
    do
    :: d_step {
        status == QUEUED && attempt < ATTEMPTS && link[AT(b, d)] == UP && MAY_HAVE(b, d) &&
        HAS_ROOM(b, d) ->
        claim(b, d);
        offered[AT(b, d)] = (IS_BASIC(d) -> 0 : attempt);
        send(b, d, OFFER, attempt);
        written = IS_BASIC(d)
       }
    /* The outcome stays unknown: committed, or not. */
    :: d_step {
        faults < FAULTS && !calm && status == QUEUED && attempt < ATTEMPTS && link[AT(b, d)] == UP &&
        MAY_HAVE(b, d) && HAS_ROOM(b, d) && doubt[AT(b, d)] == 0 ->
        faults++;
#ifdef BUG_UNKNOWN_TAKEN_FOR_DONE
        send(b, d, OFFER, attempt + 1);
        send(b, d, RELEASE, attempt + 1)
#elif defined(BUG_UNDOES_WHAT_WAS_NOT_COMMITTED)
        doubt[AT(b, d)] = attempt + 1
#else
        claim(b, d);
        doubt[AT(b, d)] = attempt
#endif
       }
#ifndef BUG_CLAIM_STAYS_IN_DOUBT
    :: d_step { doubt[AT(b, d)] != 0 -> undo_claim(b, d) }
#endif
    :: d_step {
        (link[AT(b, d)] == UP || link[AT(b, d)] == OPENED || link[AT(b, d)] == BROKEN) &&
        len(from_phone[AT(b, d)]) > 0 && HAS_ROOM(b, d) ->
        from_phone[AT(b, d)]?frame,frame_attempt;
        if
        :: frame == HELLO && link[AT(b, d)] == BROKEN -> skip /* it is too late for a greeting */
        :: frame == HELLO && link[AT(b, d)] != BROKEN -> connect(b, d)
        :: else -> take_ack(b, d)
        fi;
        frame = 0;
        frame_attempt = 0
       }
    /* The release of an acknowledged offer is committed, and its broker does not know: it asks again. */
    :: d_step {
        faults < FAULTS && !calm && from_phone[AT(b, d)]?[ACK,_] && IS_NEWEST(b, d) &&
        HAS_ROOM(b, d) && status == DISPATCHED && device == d && attempt == offered[AT(b, d)] ->
        faults++;
        status = ACCEPTED;
#ifdef BUG_UNKNOWN_TAKEN_FOR_FAILED
        from_phone[AT(b, d)]?_,frame_attempt;
        send(b, d, DROP, frame_attempt);
        frame_attempt = 0
#endif
       }
    :: d_step { link[AT(b, d)] == BROKEN && len(from_phone[AT(b, d)]) == 0 -> end_session(b, d) }
    /* It is told that its phone is elsewhere, or that the connection was ended. */
    :: d_step {
        link[AT(b, d)] == UP &&
#ifdef BUG_OLD_CONNECTION_STAYS
        false &&
#endif
        !IS_NEWEST(b, d) ->
        end_session(b, d)
       }
    od
}

proctype Broker(byte b)
{
end:
    do
    :: d_step { over[b] && lease[b] -> over[b] = false }
    /* It was ended: it has another lease, and its phones connect again. */
    :: d_step {
        !lease[b] ->
        lease[b] = true;
#ifndef BUG_ZOMBIE_UNTOLD
        end_broker(b);
        lease[b] = true;
        end_session(b, 0);
        end_session(b, 1)
#endif
       }
    :: d_step { over[OTHER(b)] && lease[OTHER(b)] -> end_broker(OTHER(b)) }
    /* An offer that nothing answers. */
    :: d_step {
        status == DISPATCHED && (calm || faults < FAULTS) ->
        faults = (calm -> faults : faults + 1);
        to_queue()
       }
    od
}

#define MAY_SAY(d) (current[d] == NOBODY || len(from_phone[AT(current[d] % 2, d)]) < 2)

/* On the connection that it takes for its own: an older one may be closed before the release is on it. */
inline acknowledge(d)
{
    if
    :: current[d] != NOBODY -> from_phone[AT(current[d], d)]!ACK,frame_attempt
    :: else /* the next `hello` says so */
    fi
}

inline read(d, b)
{
    to_phone[AT(b, d)]?frame,frame_attempt;
    if
    :: frame == OFFER && IS_BASIC(d) ->
        submits++;
        assert(submits <= 1);
        entry[d] = DONE;
        entry_attempt[d] = frame_attempt
    :: frame == OFFER && !IS_BASIC(d) && (entry[d] == NONE || (entry_attempt[d] < frame_attempt &&
                                               (entry[d] == OFFERED || entry[d] == DROPPED))) ->
        entry[d] = OFFERED;
        entry_attempt[d] = frame_attempt;
        acknowledge(d)
    :: frame == OFFER && entry[d] == OFFERED && entry_attempt[d] == frame_attempt -> acknowledge(d)
    :: frame == RELEASE && entry[d] == OFFERED && entry_attempt[d] == frame_attempt ->
        assert(status == ACCEPTED && device == d && attempt == frame_attempt); /* I4 */
        entry[d] = RELEASED
    :: frame == DROP && entry[d] == OFFERED && entry_attempt[d] == frame_attempt ->
        entry[d] = DROPPED
    :: else
    fi;
    frame = 0;
    frame_attempt = 0
}

proctype Phone(byte d)
{
    byte b;
end:
    do
    :: current[d] == NOBODY ->
        if
        :: b = 0
        :: b = 1
        fi;
        d_step {
            if
            :: current[d] == NOBODY && link[AT(b, d)] == GONE ->
                link[AT(b, d)] = OPENED;
                current[d] = b;
                from_phone[AT(b, d)]!HELLO,(entry[d] == OFFERED -> entry_attempt[d] : 0)
            :: else
            fi;
            b = 0
        }
    /* It is as if it had lost the one, and the other broker is there at once. */
    :: d_step {
        !calm && faults < FAULTS && d == 0 && current[d] != NOBODY &&
        link[AT(1 - current[d], d)] == GONE ->
        faults++;
        current[d] = OTHER(current[d]);
        link[AT(current[d], d)] = OPENED;
        from_phone[AT(current[d], d)]!HELLO,(entry[d] == OFFERED -> entry_attempt[d] : 0)
       }
    :: d_step { to_phone[AT(0, d)]?[_,_] && MAY_SAY(d) -> b = 0; read(d, b) }
    :: d_step { to_phone[AT(1, d)]?[_,_] && MAY_SAY(d) -> b = 1; read(d, b); b = 0 }
    :: d_step {
        entry[d] == RELEASED ->
        submits++;
        assert(submits <= 1); /* "A message is handed to a radio at most once." */
        entry[d] = DONE
       }
    :: d_step {
        entry[d] == DONE && !acknowledged[d] && current[d] != NOBODY && link[AT(current[d], d)] == UP ->
        acknowledged[d] = true;
        assert(status == ACCEPTED && device == d && attempt == entry_attempt[d]);
        status = SENT
       }
    od
}

/* ---- The world ---- */

proctype World()
{
    byte c;
end:
    do
    :: atomic {
        !calm && faults < FAULTS ->
        if
        :: c = 0
        :: c = 1
        :: c = 2
        :: c = 3
        fi;
        if
        /* A connection breaks; its phone knows, and its broker will. */
        :: link[c] == UP || link[c] == OPENED ->
            d_step {
                faults++;
                link[c] = BROKEN;
                discard(to_phone[c]);
                if
                :: current[c % 2] == c / 2 -> current[c % 2] = NOBODY
                :: else
                fi
            }
        :: c < 2 && lease[c] && !over[c] ->
            faults++;
            over[c] = true
        /* A broker is killed, and another one of its name begins, which ends it. */
        :: c < 2 ->
            d_step {
                faults++;
                session[AT(c, 0)] = 0;
                session[AT(c, 1)] = 0;
                forget_doubt(c, 0);
                forget_doubt(c, 1);
                end_broker(c);
                end_session(c, 0);
                end_session(c, 1);
                lease[c] = true
            }
        :: else
        fi;
        c = 0
       }
    :: d_step {
        !calm ->
        calm = true;
        faults = FAULTS
       }
    od
}

/* When nothing is left to do, the message is sent, no phone waits, and the connection of each is the one that the store has. */
proctype Settled()
{
    byte d;
end:
    timeout ->
    assert(status == SENT || (status == QUEUED && attempt == ATTEMPTS) ||
           (status == ACCEPTED && IS_BASIC(device) && (written || killed_in_doubt))); /* `unknown` */
    do
    :: d < 2 ->
        assert(doubt[AT(0, d)] == 0 && doubt[AT(1, d)] == 0);
        assert(entry[d] != RELEASED && !(entry[d] == OFFERED && device == d && status != QUEUED));
        assert(current[d] != NOBODY && on_broker[d] == current[d] &&
               session[AT(current[d], d)] == epoch[d]);
        d++
    :: else -> break
    od
}

init {
    atomic {
        if
        :: basic = true
        :: basic = false
        fi;
        run Session(0, 0);
        run Session(0, 1);
        run Session(1, 0);
        run Session(1, 1);
        run Broker(0);
        run Broker(1);
        run Phone(0);
        run Phone(1);
        run World();
        run Settled()
    }
}
