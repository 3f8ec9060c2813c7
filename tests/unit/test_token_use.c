/* One phone with a token, and two of them. */
#include "common/model/token_use.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define START  INT64_C(1790000000000)

/* What the store keeps of a token, in memory. */
struct token {
    struct token_use use;
    struct {
        char identity[TOKEN_IDENTITY_SIZE];
        int64_t seen_at_ms;
    } seen[100];
    size_t seen_count;
    int64_t now_ms;
};

static struct token new_token(void)
{
    return (struct token){.now_ms = START};
}

static bool is_recent(const struct token *token, size_t i)
{
    return token->seen[i].seen_at_ms >= token->now_ms - TOKEN_IDENTITY_KEPT_MS;
}

static void see(struct token *token, const char *identity)
{
    size_t i = 0;
    while (i < token->seen_count && strcmp(token->seen[i].identity, identity) != 0)
        i++;
    assert_true(i < ARRAY_LENGTH(token->seen));
    strcpy(token->seen[i].identity, identity);
    token->seen[i].seen_at_ms = token->now_ms;
    token->seen_count = MAX(token->seen_count, i + 1);
}

static bool connect_identity(struct token *token, const char *identity)
{
    bool known = false;
    int64_t count = 0;
    if (token_use_is_silent(&token->use, identity))
        return false;
    if (*token->use.identity)
        see(token, token->use.identity);
    for (size_t i = 0; i < token->seen_count; i++) {
        known |= is_recent(token, i) && strcmp(token->seen[i].identity, identity) == 0;
        count += is_recent(token, i);
    }
    see(token, identity);
    return token_use_change(&token->use, identity, known, count + !known, token->now_ms);
}

/* A phone with that journal, and a basic one of that name. True: the token is quarantined. */
static bool connect_assured(struct token *token, unsigned char epoch)
{
    char identity[TOKEN_IDENTITY_SIZE];
    struct message_id journal = {.bytes = {1, epoch}};
    token_use_identify(&journal, "any name", identity);
    return connect_identity(token, identity);
}

static bool connect_basic(struct token *token, const char *name)
{
    char identity[TOKEN_IDENTITY_SIZE];
    token_use_identify(NULL, name, identity);
    return connect_identity(token, identity);
}

/* ---- Journals ---- */

static void one_phone_may_connect_as_often_as_it_likes(void **state)
{
    (void)state;
    struct token token = new_token();
    for (int i = 0; i < 10000; i++) {
        assert_false(connect_assured(&token, 1));
        token.now_ms += SECOND;
    }
}

static void a_phone_that_loses_its_journal_again_and_again_is_one_phone(void **state)
{
    (void)state;
    struct token token = new_token();
    for (unsigned char epoch = 1; epoch < 90; epoch++) {
        for (int i = 0; i < 3; i++)
            assert_false(connect_assured(&token, epoch));
        token.now_ms += HOUR;
    }
}

static void a_journal_from_a_backup_is_forgiven_once(void **state)
{
    (void)state;
    struct token token = new_token();
    assert_false(connect_assured(&token, 1));
    assert_false(connect_assured(&token, 2));
    assert_false(connect_assured(&token, 1));
    for (int i = 0; i < 100; i++)
        assert_false(connect_assured(&token, 1));
}

/* How many connections there are until two phones in turn are found; 0: never. */
static int turns_until_found(int64_t pause_ms)
{
    struct token token = new_token();
    for (int i = 0; i < 100; i++) {
        if (connect_assured(&token, (unsigned char)(1 + i % 2)))
            return i + 1;
        token.now_ms += pause_ms;
    }
    return 0;
}

static void two_phones_in_turn_are_found_at_the_second_return(void **state)
{
    static const int64_t pauses_ms[] = {0, SECOND, MINUTE, HOUR, DAY, 7 * DAY, 14 * DAY, 29 * DAY};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(pauses_ms); i++)
        assert_int_equal(turns_until_found(pauses_ms[i]), 4);
}

/* The thief takes a new journal each time, and comes twice. */
static void whoever_makes_new_journals_is_found_by_the_owners(void **state)
{
    (void)state;
    struct token token = new_token();
    unsigned char next = 2;
    bool found = false;
    int visits = 0;
    for (; visits < 10 && !found; visits++) {
        found = connect_assured(&token, 1);
        for (int i = 0; i < 2 && !found; i++)
            found = connect_assured(&token, next++);
        token.now_ms += HOUR;
    }
    assert_true(found);
    assert_int_equal(visits, 3);
}

/* ---- Names ---- */

static void two_names_in_turn_are_two_phones(void **state)
{
    (void)state;
    struct token token = new_token();
    for (int i = 0; i < 5; i++) {
        assert_false(connect_basic(&token, i % 2 ? "thief" : "owner"));
        token.now_ms += DAY;
    }
    assert_true(connect_basic(&token, "thief"));
}

static void a_phone_without_a_name_says_nothing(void **state)
{
    (void)state;
    struct token token = new_token();
    for (int i = 0; i < 100; i++)
        assert_false(connect_basic(&token, i % 2 ? "" : "owner"));
}

static void a_name_with_a_number_in_it_is_no_second_phone(void **state)
{
    (void)state;
    struct token token = new_token();
    for (int i = 0; i < 1000; i++) {
        char name[32];
        snprintf(name, sizeof(name), "Pixel (%d %%)", 60 + rand() % 30);
        assert_false(connect_basic(&token, i < 3 ? (const char *[]){"a", "b", "c"}[i] : name));
    }
}

static void a_renamed_phone_is_one_phone(void **state)
{
    (void)state;
    struct token token = new_token();
    for (int i = 0; i < 50; i++) { /* once in two weeks, there and back */
        assert_false(connect_basic(&token, i % 2 ? "mine" : "Pixel 7"));
        token.now_ms += i % 2 ? 31 * DAY : 10 * DAY;
    }
}

static void a_phone_that_learns_the_assured_level_is_one_phone(void **state)
{
    (void)state;
    struct token token = new_token();
    for (int i = 0; i < 10; i++)
        assert_false(connect_basic(&token, "Pixel 7"));
    for (int i = 0; i < 10; i++)
        assert_false(connect_assured(&token, 1));
    assert_false(connect_basic(&token, "Pixel 7")); /* and back */
    assert_false(connect_assured(&token, 1));
}

static void a_basic_phone_and_an_assured_one_in_turn_are_two(void **state)
{
    (void)state;
    struct token token = new_token();
    bool found = false;
    int turns = 0;
    for (; turns < 10 && !found; turns++)
        found = turns % 2 ? connect_basic(&token, "thief") : connect_assured(&token, 1);
    assert_true(found);
    assert_int_equal(turns, 6);
}

/* A program with a copied token says any name, or none. */
static void a_basic_thief_without_a_name_or_with_a_new_one_each_time_is_found_by_a_journal(
    void **state)
{
    (void)state;
    for (int named = 0; named < 2; named++) {
        struct token token = new_token();
        bool found = false;
        int visits = 0;
        for (; visits < 10 && !found; visits++) {
            char name[32] = "";
            if (named)
                snprintf(name, sizeof(name), "thief %d", visits);
            found = connect_assured(&token, 1) || connect_basic(&token, name);
            token.now_ms += HOUR;
        }
        assert_true(found);
        assert_int_equal(visits, named ? 5 : 3);
    }
}

static void names_of_any_length_are_told_apart_and_never_taken_for_journals(void **state)
{
    char name[DEVICE_NAME_SIZE], one[TOKEN_IDENTITY_SIZE], two[TOKEN_IDENTITY_SIZE];
    struct message_id journal = {.bytes = {1}};
    (void)state;
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    token_use_identify(NULL, name, one);
    name[sizeof(name) - 2] = 'y';
    token_use_identify(NULL, name, two);
    assert_string_not_equal(one, two);
    token_use_identify(&journal, "", one);
    token_use_identify(NULL, one, two);
    assert_string_not_equal(one, two);
}

/* ---- Takeovers of a living connection ---- */

static int takeovers_until_found(int64_t pause_ms)
{
    struct token_use use = {0};
    for (int i = 0; i < 1000; i++) {
        if (token_use_takeover(&use, START + i * pause_ms))
            return i + 1;
    }
    return 0;
}

static void takeovers_count_by_how_often_they_are(void **state)
{
    static const struct {
        int64_t pause_ms;
        int found_at; /* 0: never */
    } cases[] = {
        {0, 3},           {SECOND, 3},
        {10 * MINUTE, 3}, {10 * MINUTE + 1, 7}, /* no quarrel, but too many in a day */
        {HOUR, 8},        {2 * HOUR, 12},
        {4 * HOUR, 0},    {DAY, 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        assert_int_equal(takeovers_until_found(cases[i].pause_ms), cases[i].found_at);
}

static void two_takeovers_are_forgiven_after_ten_minutes(void **state)
{
    struct token_use use = {0};
    (void)state;
    for (int64_t day = 0; day < 100; day++) {
        assert_false(token_use_takeover(&use, START + day * DAY));
        assert_false(token_use_takeover(&use, START + day * DAY + MINUTE));
    }
}

static void an_app_that_becomes_older_twice_in_a_month_is_two(void **state)
{
    struct token_use use = {0};
    (void)state;
    assert_false(token_use_older_app(&use, START));
    assert_false(token_use_older_app(&use, START + 31 * DAY));
    assert_true(token_use_older_app(&use, START + 60 * DAY));
}

static void a_clock_that_is_set_accuses_nobody(void **state)
{
    struct token_use use = {0};
    (void)state;
    for (int64_t i = 0; i < 20; i++)
        assert_false(token_use_takeover(&use, START - i * HOUR));
    assert_false(token_use_takeover(&use, START + 365 * DAY));
    assert_false(token_use_takeover(&use, START));
    assert_false(token_use_takeover(&use, START + SECOND));
    assert_true(token_use_takeover(&use, START + 2 * SECOND)); /* and goes on from there */
}

UNIT_TESTS(cmocka_unit_test(one_phone_may_connect_as_often_as_it_likes),
           cmocka_unit_test(a_phone_that_loses_its_journal_again_and_again_is_one_phone),
           cmocka_unit_test(a_journal_from_a_backup_is_forgiven_once),
           cmocka_unit_test(two_phones_in_turn_are_found_at_the_second_return),
           cmocka_unit_test(whoever_makes_new_journals_is_found_by_the_owners),
           cmocka_unit_test(two_names_in_turn_are_two_phones),
           cmocka_unit_test(a_phone_without_a_name_says_nothing),
           cmocka_unit_test(a_name_with_a_number_in_it_is_no_second_phone),
           cmocka_unit_test(a_renamed_phone_is_one_phone),
           cmocka_unit_test(a_phone_that_learns_the_assured_level_is_one_phone),
           cmocka_unit_test(a_basic_phone_and_an_assured_one_in_turn_are_two),
           cmocka_unit_test(
               a_basic_thief_without_a_name_or_with_a_new_one_each_time_is_found_by_a_journal),
           cmocka_unit_test(names_of_any_length_are_told_apart_and_never_taken_for_journals),
           cmocka_unit_test(takeovers_count_by_how_often_they_are),
           cmocka_unit_test(two_takeovers_are_forgiven_after_ten_minutes),
           cmocka_unit_test(an_app_that_becomes_older_twice_in_a_month_is_two),
           cmocka_unit_test(a_clock_that_is_set_accuses_nobody))
