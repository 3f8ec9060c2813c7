/* The life of a message: every pair of statuses, for everyone who may move it. */
#include "common/model/message.h"
#include "tests/unit/unit.h"

/* Rows: from; columns: to; in the order of the enum. A api, B broker, P phone, O operator,
   - nobody. */
static const char *const expected[MESSAGE_STATUS_COUNT][MESSAGE_STATUS_COUNT] = {
    /*               queued disp. acc.  send. sent  deliv. failed exp.  canc.  unknown */
    /* queued     */ {"-", "B", "B", "-", "-", "-", "B", "B", "AB", "O"},
    /* dispatched */ {"B", "-", "BP", "-", "P", "P", "-", "B", "AB", "O"},
    /* accepted   */ {"BP", "-", "-", "P", "P", "P", "P", "P", "P", "BPO"},
    /* sending    */ {"P", "-", "-", "-", "P", "P", "P", "-", "-", "BPO"},
    /* sent       */ {"-", "-", "-", "-", "-", "P", "P", "-", "-", "-"},
    /* delivered  */ {"-", "-", "-", "-", "-", "-", "-", "-", "-", "-"},
    /* failed     */ {"-", "-", "-", "-", "P", "P", "-", "-", "-", "-"},
    /* expired    */ {"-", "-", "-", "-", "P", "P", "-", "-", "-", "-"},
    /* cancelled  */ {"-", "-", "-", "-", "P", "P", "-", "-", "-", "-"},
    /* unknown    */ {"-", "-", "-", "-", "P", "P", "P", "P", "-", "-"},
};

static void every_pair_is_as_written(void **state)
{
    static const char letters[MESSAGE_ACTOR_COUNT] = {'A', 'B', 'P', 'O'};
    (void)state;
    for (int from = 0; from < MESSAGE_STATUS_COUNT; from++) {
        for (int to = 0; to < MESSAGE_STATUS_COUNT; to++) {
            for (int actor = 0; actor < MESSAGE_ACTOR_COUNT; actor++) {
                bool allowed = strchr(expected[from][to], letters[actor]);
                bool found = message_may_become((enum message_status)from, (enum message_status)to,
                                                (enum message_actor)actor, MESSAGE_ALL_FACTS);
                if (found != allowed)
                    fail_msg("%s to %s by %c: %d", message_status_name((enum message_status)from),
                             message_status_name((enum message_status)to), letters[actor], found);
            }
        }
    }
}

static void nothing_leaves_delivered_and_nothing_stays(void **state)
{
    (void)state;
    for (int to = 0; to < MESSAGE_STATUS_COUNT; to++) {
        for (int actor = 0; actor < MESSAGE_ACTOR_COUNT; actor++) {
            assert_false(message_may_become(MESSAGE_DELIVERED, (enum message_status)to,
                                            (enum message_actor)actor, MESSAGE_ALL_FACTS));
            assert_false(message_may_become((enum message_status)to, (enum message_status)to,
                                            (enum message_actor)actor, MESSAGE_ALL_FACTS));
        }
    }
}

/* Every move that is allowed with all facts, and which of them it can do without. */
static void a_move_needs_its_facts(void **state)
{
    static const struct {
        enum message_status from, to;
        enum message_actor actor;
        unsigned needs;
    } cases[] = {
        {MESSAGE_QUEUED, MESSAGE_DISPATCHED, MESSAGE_ACTOR_BROKER, 0},
        {MESSAGE_QUEUED, MESSAGE_CANCELLED, MESSAGE_ACTOR_API, 0},
        {MESSAGE_DISPATCHED, MESSAGE_CANCELLED, MESSAGE_ACTOR_API, 0},
        {MESSAGE_DISPATCHED, MESSAGE_ACCEPTED, MESSAGE_ACTOR_BROKER,
         MESSAGE_BY_HOLDER | MESSAGE_OF_ATTEMPT | MESSAGE_OF_JOURNAL | MESSAGE_OF_SESSION},
        {MESSAGE_DISPATCHED, MESSAGE_ACCEPTED, MESSAGE_ACTOR_DEVICE,
         MESSAGE_BY_HOLDER | MESSAGE_OF_ATTEMPT | MESSAGE_OF_JOURNAL | MESSAGE_OF_SESSION},
        {MESSAGE_DISPATCHED, MESSAGE_QUEUED, MESSAGE_ACTOR_BROKER,
         MESSAGE_BY_HOLDER | MESSAGE_OF_ATTEMPT},
        {MESSAGE_DISPATCHED, MESSAGE_SENT, MESSAGE_ACTOR_DEVICE,
         MESSAGE_BY_HOLDER | MESSAGE_OF_ATTEMPT},
        {MESSAGE_ACCEPTED, MESSAGE_QUEUED, MESSAGE_ACTOR_DEVICE,
         MESSAGE_BY_HOLDER | MESSAGE_OF_ATTEMPT | MESSAGE_OF_JOURNAL | MESSAGE_NOTHING_SENT},
        {MESSAGE_ACCEPTED, MESSAGE_QUEUED, MESSAGE_ACTOR_BROKER,
         MESSAGE_BY_HOLDER | MESSAGE_OF_ATTEMPT | MESSAGE_OF_JOURNAL | MESSAGE_NOTHING_SENT},
        {MESSAGE_SENDING, MESSAGE_QUEUED, MESSAGE_ACTOR_DEVICE,
         MESSAGE_BY_HOLDER | MESSAGE_OF_ATTEMPT | MESSAGE_OF_JOURNAL | MESSAGE_NOTHING_SENT},
        {MESSAGE_ACCEPTED, MESSAGE_SENT, MESSAGE_ACTOR_DEVICE,
         MESSAGE_BY_HOLDER | MESSAGE_OF_ATTEMPT},
        {MESSAGE_UNKNOWN, MESSAGE_DELIVERED, MESSAGE_ACTOR_DEVICE,
         MESSAGE_BY_HOLDER | MESSAGE_OF_ATTEMPT},
        {MESSAGE_CANCELLED, MESSAGE_SENT, MESSAGE_ACTOR_DEVICE,
         MESSAGE_BY_HOLDER | MESSAGE_OF_ATTEMPT},
        {MESSAGE_ACCEPTED, MESSAGE_EXPIRED, MESSAGE_ACTOR_DEVICE,
         MESSAGE_BY_HOLDER | MESSAGE_OF_ATTEMPT},
        {MESSAGE_UNKNOWN, MESSAGE_EXPIRED, MESSAGE_ACTOR_DEVICE,
         MESSAGE_BY_HOLDER | MESSAGE_OF_ATTEMPT},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        for (unsigned facts = 0; facts <= MESSAGE_ALL_FACTS; facts++) {
            bool enough = (cases[i].needs & ~facts) == 0;
            if (message_may_become(cases[i].from, cases[i].to, cases[i].actor, facts) != enough)
                fail_msg("case %zu with facts %u", i, facts);
        }
    }
}

static void names_read_back(void **state)
{
    enum message_status status;
    (void)state;
    for (int i = 0; i < MESSAGE_STATUS_COUNT; i++) {
        assert_true(message_status_parse(message_status_name((enum message_status)i), &status));
        assert_int_equal(status, i);
    }
    assert_false(message_status_parse("", &status));
    assert_false(message_status_parse("Queued", &status));
    assert_false(message_status_parse("pending", &status));
}

static void five_statuses_are_reports(void **state)
{
    (void)state;
    for (int i = 0; i < MESSAGE_STATUS_COUNT; i++) {
        bool report = i == MESSAGE_SENDING || i == MESSAGE_SENT || i == MESSAGE_DELIVERED ||
                      i == MESSAGE_FAILED || i == MESSAGE_EXPIRED;
        assert_int_equal(message_status_is_report((enum message_status)i), report);
    }
}

UNIT_TESTS(cmocka_unit_test(every_pair_is_as_written),
           cmocka_unit_test(nothing_leaves_delivered_and_nothing_stays),
           cmocka_unit_test(a_move_needs_its_facts), cmocka_unit_test(names_read_back),
           cmocka_unit_test(five_statuses_are_reports))
