/*
 * A unit test program: cmocka, with one entry point for all.
 *
 *   static void adds_up(void **state) { assert_int_equal(1 + 1, 2); }
 *   UNIT_TESTS(cmocka_unit_test(adds_up))
 *
 * `program --list` prints the names of its tests, `program NAME` runs one; tests/test_unit.py does.
 */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define UNIT_TESTS(...)                                                                            \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        const struct CMUnitTest tests[] = {__VA_ARGS__};                                           \
        if (argc > 1 && strcmp(argv[1], "--list") == 0) {                                          \
            for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)                          \
                puts(tests[i].name);                                                               \
            return 0;                                                                              \
        }                                                                                          \
        if (argc > 1)                                                                              \
            cmocka_set_test_filter(argv[1]);                                                       \
        return cmocka_run_group_tests(tests, NULL, NULL);                                          \
    }

#endif
