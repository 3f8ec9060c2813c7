/*
 * Incoming SMS on the assured level of ws-broker/PROTOCOL.md, as a model that Spin searches completely: two SMS come in, and
 * connections break, the gateway is killed, and the phone crashes, each at any instant. tests/test_model.py runs it.
 *
 * Read it beside PROTOCOL.md, "Incoming SMS"; what stands in quotation marks is from there. A step here (a d_step) is one
 * transaction, or one write to a journal, with the frames that follow it. Whatever is in a channel can be lost.
 *
 * Each macro BUG_* breaks one rule, and the search must then find what goes wrong.
 *
 * Not in it: SMS that can never be stored (`invalid_value`), the bound of 32 unanswered ones, a phone that is wiped, and a
 * `received_id` that comes again after 30 days.
 */
#ifndef FAULTS
#define FAULTS 2 /* broken connections, killed gateways, crashed phones, full disks */
#endif

#define SMS 2
#define ROOM 3 /* frames on their way, each way */

/* ---- The store: durable ---- */

byte stored[SMS]; /* how often the inbox has it */

/* ---- The gateway's memory: lost when it is killed ---- */

#ifdef BUG_REMEMBERED_IN_MEMORY
bool seen[SMS];
#else
hidden byte seen[SMS]; /* looked at by that bug alone */
#endif
#ifdef BUG_ACK_BEFORE_COMMIT
bool owed[SMS]; /* acknowledged, and yet to be committed */
#endif

/* ---- The connection ---- */

bool connected = true;
chan from_phone = [ROOM] of { byte };
chan to_phone = [ROOM] of { byte };
/* What the gateway has yet to read of a broken connection: "you may send reports and `sms_received` until". */
chan late = [1] of { byte };

/* ---- The phone ---- */

/* SYSTEM: the telephone system has it, and gives it to the app again after a crash; TOLD, which only a bug makes: it does not.
   JOURNALED: durable. FORGOTTEN: acknowledged. */
mtype = { AWAITED, SYSTEM, TOLD, JOURNALED, FORGOTTEN };
mtype entry[SMS] = AWAITED;
bool unanswered[SMS]; /* sent on this connection */

/* ---- The world ---- */

byte faults = 0;
bool calm = false; /* from here on nothing happens from outside, and everything must settle */

/* The SMS of the frame that is being read, and that is being moved: set and used within one d_step. */
hidden byte sms;
hidden byte kept;

inline discard(channel)
{
    do
    :: len(channel) > 0 -> channel?_
    :: else -> break
    od
}

/* ---- The gateway ---- */

/* "The gateway stores an SMS once [...] however often it comes" */
#ifdef BUG_REMEMBERED_IN_MEMORY
#define IS_STORED(which) seen[which]
#elif defined(BUG_STORED_EACH_TIME)
#define IS_STORED(which) false
#else
#define IS_STORED(which) (stored[which] > 0)
#endif

inline store(which)
{
    if
    :: IS_STORED(which)
    :: else ->
        stored[which]++;
        assert(stored[which] <= 1) /* "never doubled, whatever is killed" */
    fi;
    seen[which] = true
}

/* "That comes only after the SMS is on disk, and again each time that the SMS comes again." */
inline acknowledge(which)
{
    if
    :: connected -> to_phone!which
    :: else
    fi
}

proctype Gateway()
{
end:
    do
    :: d_step {
        len(from_phone) > 0 && len(to_phone) < ROOM ->
        from_phone?sms;
#ifdef BUG_ACK_BEFORE_COMMIT
        owed[sms] = true;
#else
        store(sms);
#endif
        acknowledge(sms);
        sms = 0
       }
    /* The connection is gone: it counts, "an SMS is acknowledged when it comes again". */
    :: d_step {
        len(late) > 0 ->
        late?sms;
        store(sms);
        sms = 0
       }
    /* The disk is full: an `error`, and the phone sends it again later. */
    :: d_step {
        !calm && faults < FAULTS && len(from_phone) > 0 ->
        faults++;
        from_phone?sms;
#ifdef BUG_ACK_OF_A_REFUSED_ONE
        acknowledge(sms);
#else
        unanswered[sms] = false;
#endif
        sms = 0
       }
#ifdef BUG_ACK_BEFORE_COMMIT
    :: d_step { owed[0] -> owed[0] = false; store(0) }
    :: d_step { owed[1] -> owed[1] = false; store(1) }
#endif
    od
}

/* ---- The phone ---- */

proctype Phone(byte its_sms)
{
end:
    do
    :: d_step { entry[its_sms] == AWAITED -> entry[its_sms] = SYSTEM }
    /* "writes each SMS, with its `received_id`, to its disk with fsync before it sends it and before it tells the system
       that it has got it" */
#ifdef BUG_SYSTEM_TOLD_FIRST
    :: d_step { entry[its_sms] == SYSTEM -> entry[its_sms] = TOLD }
    :: d_step { entry[its_sms] == TOLD -> entry[its_sms] = JOURNALED }
#else
    :: d_step { entry[its_sms] == SYSTEM -> entry[its_sms] = JOURNALED }
#endif
    :: d_step {
        entry[its_sms] == JOURNALED && connected && !unanswered[its_sms] && len(from_phone) < ROOM ->
        from_phone!its_sms;
#ifdef BUG_FORGOTTEN_WHEN_SENT
        entry[its_sms] = FORGOTTEN;
#endif
        unanswered[its_sms] = true
       }
    od
}

proctype Acknowledgements()
{
end:
    do
    :: d_step {
        len(to_phone) > 0 ->
        to_phone?sms;
#ifdef BUG_ACK_FORGETS_THE_OLDEST
        if
        :: entry[0] == JOURNALED -> entry[0] = FORGOTTEN
        :: else -> entry[1] = FORGOTTEN
        fi;
#else
        entry[sms] = FORGOTTEN;
#endif
        unanswered[sms] = false;
        sms = 0
       }
    od
}

/* ---- The world ---- */

/* Of what the phone has sent, the gateway will still read the first `keep` frames. */
inline disconnect(keep)
{
    connected = false;
    kept = keep;
    do
    :: kept > 0 && len(from_phone) > 0 && len(late) == 0 ->
        from_phone?sms;
        late!sms;
        sms = 0;
        kept--
    :: else -> break
    od;
    kept = 0;
    discard(from_phone);
    discard(to_phone)
}

inline lose(which)
{
    if
    :: entry[which] == TOLD -> entry[which] = FORGOTTEN
    :: else
    fi
}

proctype World()
{
end:
    do
    :: d_step { !calm && faults < FAULTS && connected -> disconnect(0); faults++ }
    :: d_step { !calm && faults < FAULTS && len(from_phone) > 0 -> disconnect(1); faults++ }
    /* The gateway is killed. */
    :: d_step {
        !calm && faults < FAULTS ->
        faults++;
        disconnect(0);
        discard(late);
#ifdef BUG_ACK_BEFORE_COMMIT
        owed[0] = false;
        owed[1] = false;
#endif
        seen[0] = false;
        seen[1] = false
       }
    /* The phone crashes: it reads its journal again, and gets from the system what it had not told it to have. */
    :: d_step {
        !calm && faults < FAULTS ->
        faults++;
        disconnect(0);
        lose(0);
        lose(1)
       }
    /* "after each `connection_ack` or `welcome`: all that are not acknowledged" */
    :: d_step {
        !connected ->
#ifndef BUG_NOT_SENT_AGAIN
        unanswered[0] = false;
        unanswered[1] = false;
#endif
        connected = true
       }
    :: d_step { !calm -> calm = true }
    od
}

/* When nothing is left to do, each SMS is in the inbox, and the phone has forgotten it. */
proctype Settled()
{
end:
    timeout ->
    assert(stored[0] == 1 && stored[1] == 1);
    assert(entry[0] == FORGOTTEN && entry[1] == FORGOTTEN)
}

init {
    atomic {
        run Gateway();
        run Phone(0);
        run Phone(1);
        run Acknowledgements();
        run World();
        run Settled()
    }
}
