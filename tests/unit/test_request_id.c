/* Request ids: what nginx writes, and nothing else. */
#include "common/model/request_id.h"
#include "tests/unit/unit.h"

static void an_id_comes_back_as_it_was(void **state)
{
    static const char *const ids[] = {
        "5b7e1f0c6c3a4a3d9a51d2c7f1a0b9e8", "ffffffffffffffffffffffffffffffff",
        "00000000000000000000000000000001", "0123456789abcdef0000000000000000"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(ids); i++) {
        char text[REQUEST_ID_TEXT_SIZE];
        struct request_id id = request_id_parse(ids[i]);
        assert_false(request_id_is_none(&id));
        request_id_format(&id, text);
        assert_string_equal(text, ids[i]);
    }
    struct request_id id = request_id_parse(ids[3]);
    assert_memory_equal(id.bytes, "\x01\x23\x45\x67\x89\xab\xcd\xef\0\0\0\0\0\0\0\0", 16);
}

static void anything_else_is_none(void **state)
{
    static const char *const texts[] = {
        "",
        "from-a-test",
        "5b7e1f0c6c3a4a3d9a51d2c7f1a0b9e",
        "5b7e1f0c6c3a4a3d9a51d2c7f1a0b9e88",
        "5B7E1F0C6C3A4A3D9A51D2C7F1A0B9E8",
        "5b7e1f0c6c3a4a3d9a51d2c7f1a0b9eg",
        " 5b7e1f0c6c3a4a3d9a51d2c7f1a0b9e",
        "00000000000000000000000000000000",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        char text[REQUEST_ID_TEXT_SIZE];
        struct request_id id = request_id_parse(texts[i]);
        assert_true(request_id_is_none(&id));
        request_id_format(&id, text);
        assert_string_equal(text, "");
    }
}

UNIT_TESTS(cmocka_unit_test(an_id_comes_back_as_it_was), cmocka_unit_test(anything_else_is_none))
