/* What the strict scan lets through, the parser takes too; and what is written again is the same. What is
   mended is what the strict scan lets through, but for the number of members. */
#include "common/base/json.h"
#include "common/base/json_write.h"
#include "tests/fuzz/fuzz.h"

static char *written_again(const struct json *document)
{
    struct buffer text;
    struct json_writer json = {.out = &text};
    buffer_init(&text, 1 << 24);
    json_copy(&json, NULL, document);
    return buffer_take(&text);
}

/* Reads every value as a handler would. */
static void read_members(const struct json *value)
{
    double number;
    int64_t integer;
    if (json_integer(value, &integer))
        CHECK(json_number(value, &number) && (double)integer == number);
    CHECK(!json_true(value) || json_is_boolean(value));
    if (!json_is_object(value))
        return;
    json_for_each (member, value) {
        CHECK(json_member(value, json_name(member)) == member); /* no name stands twice */
        read_members(member);
    }
}

static void mend(const char *text, size_t size, bool scanned)
{
    struct json_problem problem;
    bool mended;
    struct json *document = json_parse_mended(text, size, &problem, &mended);
    CHECK(document || (!scanned && problem.reason && problem.offset <= size));
    CHECK(mended == !scanned);
    if (document) {
        char *first = written_again(document);
        CHECK(first);
        struct json *again = json_parse_mended(first, strlen(first), &problem, &mended);
        CHECK(again && (!mended || strcmp(problem.reason, "an object has too many members") == 0));
        json_free(again);
        free(first);
    }
    json_free(document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_problem of_scan = {.offset = SIZE_MAX}, of_parse = {.offset = SIZE_MAX};
    char *text = bytes_of(data, size);
    bool scanned = json_scan(text, size, &of_scan);
    struct json *document = json_parse(text, size, &of_parse);
    if (!scanned) {
        CHECK(!document && of_scan.reason && of_scan.offset <= size);
        CHECK(of_parse.reason == of_scan.reason && of_parse.offset == of_scan.offset);
    } else if (!document) {
        CHECK(strcmp(of_parse.reason, "a name stands twice in one object") == 0);
    } else {
        read_members(document);
        char *first = written_again(document);
        CHECK(first);
        struct json *again = json_parse(first, strlen(first), &of_parse);
        CHECK(again);
        char *second = written_again(again);
        CHECK(second && strcmp(first, second) == 0);
        free(second);
        json_free(again);
        free(first);
    }
    json_free(document);
    mend(text, size, scanned);
    free(text);
    return 0;
}
