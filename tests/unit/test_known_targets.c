/* Devices and groups that a request names: each is asked for once. */
#include "api-fcgi/handlers/known_targets.h"
#include "tests/store/store_fixture.h"

/* Paired, and in that group. */
static void given_device(struct store_fixture *fixture, const char *device_id, const char *group)
{
    struct store_write write = {.verb = STORE_CREATE_TOKEN};
    strcpy(write.create_token.token.id, "token-1");
    strcpy(write.create_token.token.device_id, device_id);
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    write = (struct store_write){.verb = STORE_CONFIGURE_DEVICE};
    strcpy(write.configure.device_id, device_id);
    write.configure.set = STORE_SET_GROUPS;
    device_groups_parse(group, &write.configure.configuration.groups);
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
}

static void assert_known(struct known_targets *targets, struct store_reader *reader, bool expected)
{
    bool device, group;
    assert_int_equal(known_targets_ask_device(targets, reader, "berlin", &device), ERROR_NONE);
    assert_int_equal(known_targets_ask_group(targets, reader, "berlin", &group), ERROR_NONE);
    assert_int_equal(device, expected);
    assert_int_equal(group, expected);
}

/* What changes in between is not noticed: that is how the test sees that the store is not asked again. */
static void an_answer_holds_for_the_request(void **state)
{
    struct store_fixture *fixture = *state;
    struct known_targets first = {0}, second = {0};
    assert_known(&first, fixture->reader, false);
    given_device(fixture, "berlin", "berlin");
    assert_known(&first, fixture->reader, false);
    assert_known(&second, fixture->reader, true);
    known_targets_fini(&first);
    assert_known(&first, fixture->reader, true);
    known_targets_fini(&first);
    known_targets_fini(&second);
}

static void a_device_and_a_group_are_different_names(void **state)
{
    struct store_fixture *fixture = *state;
    struct known_targets targets = {0};
    char name[DEVICE_ID_SIZE];
    bool known;
    given_device(fixture, "phone-1", "berlin");
    for (int i = 0; i < 300; i++) {
        sprintf(name, "phone-%d", i % 100);
        assert_int_equal(known_targets_ask_device(&targets, fixture->reader, name, &known),
                         ERROR_NONE);
        assert_int_equal(known, i % 100 == 1);
        assert_int_equal(known_targets_ask_group(&targets, fixture->reader, "berlin", &known),
                         ERROR_NONE);
        assert_true(known);
    }
    assert_int_equal(known_targets_ask_group(&targets, fixture->reader, "phone-1", &known),
                     ERROR_NONE);
    assert_false(known);
    known_targets_fini(&targets);
}

UNIT_TESTS(STORE_TEST(an_answer_holds_for_the_request),
           STORE_TEST(a_device_and_a_group_are_different_names))
