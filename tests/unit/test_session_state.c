/* The table of session states, walked as a whole. */
#include "tests/unit/unit.h"
#include "ws-broker/core/broker_state.h"
#include "ws-broker/core/lifecycle.h"
#include "ws-broker/protocol/frames.h"

static const struct device_protocol *const protocols[] = {&device_protocol_basic,
                                                          &device_protocol_assured};

static bool has_bit(unsigned bits, int number)
{
    return bits & 1u << number;
}

static void every_frame_counts_in_some_state_and_may_come_there(void **state)
{
    (void)state;
    for (int type = 0; type < FRAME_TYPE_COUNT; type++) {
        int counted = 0;
        for (int i = 0; i < SESSION_STATE_COUNT; i++) {
            const struct session_state_rule *rule = &session_states[i];
            bool may_come = false;
            for (size_t j = 0; j < ARRAY_LENGTH(protocols); j++)
                may_come |= frame_may_come((enum frame_type)type,
                                           protocols[j]->stages[rule->phase]);
            if (has_bit(rule->frames, type) && !may_come)
                fail_msg("frame %d counts in state %s, and may not come", type, rule->name);
            counted += has_bit(rule->frames, type);
        }
        assert_true(counted > 0);
    }
}

static void states_follow_each_other_to_the_last(void **state)
{
    unsigned reached = 1u << SESSION_NEW;
    (void)state;
    for (int i = 0; i < SESSION_STATE_COUNT; i++) {
        const struct session_state_rule *rule = &session_states[i];
        assert_true(has_bit(reached, i));
        assert_int_equal(rule->next & ((2u << i) - 1), 0); /* only later ones, and not itself */
        assert_int_equal(has_bit(rule->next, SESSION_CLOSING), i != SESSION_CLOSING);
        reached |= rule->next;
    }
}

/* A state without a deadline waits for the store, or is a connected device's. */
static void a_deadline_has_a_consequence(void **state)
{
    (void)state;
    for (int i = 0; i < SESSION_STATE_COUNT; i++) {
        const struct session_state_rule *rule = &session_states[i];
        assert_int_equal(rule->deadline == DEADLINE_NONE, rule->expiry == EXPIRY_NOTHING);
        assert_int_equal(rule->deadline == DEADLINE_NONE,
                         i == SESSION_CONNECTING || i == SESSION_READY || i == SESSION_ASIDE);
        assert_int_equal(rule->phase != PHASE_CONNECTED, rule->expiry == EXPIRY_CLOSE);
    }
}

static void deadlines_are_those_of_the_options(void **state)
{
    struct broker broker = {.options.device_info_timeout_ms = 10000, .drain.until_ms = 777000};
    struct session session = {.protocol = &device_protocol_assured, .opened_at_ms = 1000};
    (void)state;
    lifecycle_begin(&broker, &session);
    assert_int_equal(session.state, SESSION_NEW);
    assert_int_equal(session.state_deadline_ms, 11000);
    lifecycle_enter(&broker, &session, SESSION_SYNCING, 5000);
    assert_int_equal(session.state_deadline_ms, 11000); /* of hello and journal together */
    lifecycle_enter(&broker, &session, SESSION_CONNECTING, 6000);
    assert_int_equal(session.state_deadline_ms, INT64_MAX);
    lifecycle_enter(&broker, &session, SESSION_READY, 7000);
    assert_int_equal(session.state_deadline_ms, INT64_MAX);
    struct session other = session;
    session.close_error = ERROR_REPLACED;
    lifecycle_enter(&broker, &session, SESSION_CLOSING, 8000);
    assert_int_equal(session.state_deadline_ms, 11000); /* 3 s to answer */
    other.close_error = ERROR_RESTARTING;
    lifecycle_enter(&broker, &other, SESSION_CLOSING, 8000);
    assert_int_equal(other.state_deadline_ms, 777000);
}

static void a_stage_is_of_the_protocol_and_the_state(void **state)
{
    static const struct {
        const struct device_protocol *protocol;
        enum session_state state;
        enum frame_stage stage;
    } cases[] = {
        {&device_protocol_basic, SESSION_NEW, STAGE_BASIC_INFO},
        {&device_protocol_basic, SESSION_CONNECTING, STAGE_BASIC},
        {&device_protocol_basic, SESSION_READY, STAGE_BASIC},
        {&device_protocol_basic, SESSION_CLOSING, STAGE_BASIC},
        {&device_protocol_assured, SESSION_NEW, STAGE_HELLO},
        {&device_protocol_assured, SESSION_SYNCING, STAGE_JOURNAL},
        {&device_protocol_assured, SESSION_CONNECTING, STAGE_ASSURED},
        {&device_protocol_assured, SESSION_READY, STAGE_ASSURED},
        {&device_protocol_assured, SESSION_CLOSING, STAGE_ASSURED},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        assert_int_equal(session_state_stage(cases[i].state, cases[i].protocol), cases[i].stage);
    }
}

static void a_protocol_is_found_by_its_subprotocol(void **state)
{
    (void)state;
    assert_ptr_equal(device_protocol_find(""), &device_protocol_basic);
    assert_ptr_equal(device_protocol_find("sms-gateway.v1"), &device_protocol_assured);
    assert_null(device_protocol_find("sms-gateway.v2"));
    assert_null(device_protocol_find("sms-gateway.v1, sms-gateway.v2"));
}

UNIT_TESTS(cmocka_unit_test(every_frame_counts_in_some_state_and_may_come_there),
           cmocka_unit_test(states_follow_each_other_to_the_last),
           cmocka_unit_test(a_deadline_has_a_consequence),
           cmocka_unit_test(deadlines_are_those_of_the_options),
           cmocka_unit_test(a_stage_is_of_the_protocol_and_the_state),
           cmocka_unit_test(a_protocol_is_found_by_its_subprotocol))
