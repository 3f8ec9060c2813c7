/*
 * A unit test program: cmocka, with one entry point for all.
 *
 *   static void adds_up(void **state) { assert_int_equal(1 + 1, 2); }
 *   UNIT_TESTS(cmocka_unit_test(adds_up))
 *
 * `program` runs all of its tests, `program NAME ...` some, and `program --list` prints their names.
 */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define UNIT_TESTS(...)                                                                            \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        const struct CMUnitTest tests[] = {__VA_ARGS__};                                           \
        return run_unit_tests(tests, sizeof(tests) / sizeof(tests[0]), argv + (argc > 0));         \
    }

/* `wanted` ends with NULL, as argv does. */
static inline bool is_unit_test_wanted(const char *name, char *const *wanted)
{
    if (!*wanted)
        return true;
    while (*wanted && strcmp(*wanted, name) != 0)
        wanted++;
    return *wanted != NULL;
}

static inline int run_unit_tests(const struct CMUnitTest *tests, size_t count, char *const *words)
{
    if (*words && strcmp(*words, "--list") == 0) {
        for (size_t i = 0; i < count; i++)
            puts(tests[i].name);
        return EXIT_SUCCESS;
    }
    struct CMUnitTest *chosen = calloc(count, sizeof(*chosen));
    size_t chosen_count = 0;
    for (size_t i = 0; i < count; i++)
        if (is_unit_test_wanted(tests[i].name, words))
            memcpy(&chosen[chosen_count++], &tests[i], sizeof(*chosen));
    if (chosen_count == 0) {
        fputs("There is no such test; --list prints their names.\n", stderr);
        free(chosen);
        return EXIT_FAILURE;
    }
    setvbuf(stdout, NULL, _IOLBF, 0); /* which test ran is known after a crash too */
    int failed = _cmocka_run_group_tests("tests", chosen, chosen_count, NULL, NULL);
    free(chosen);
    return failed;
}

#endif
