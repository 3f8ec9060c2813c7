/* The only file that uses cJSON. `struct json` is a cJSON item. */
#include "common/base/json.h"

#include "common/base/json_write.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const cJSON *as_cjson(const struct json *value)
{
    return (const cJSON *)value;
}

static const struct json *as_json(const cJSON *value)
{
    return (const struct json *)value;
}

/* Compares names after unescaping. Quadratic, but JSON_MAX_MEMBERS limits it. */
static bool has_duplicate_names(const cJSON *value)
{
    for (const cJSON *child = value->child; child; child = child->next) {
        if (has_duplicate_names(child))
            return true;
        if (!cJSON_IsObject(value))
            continue;
        for (const cJSON *later = child->next; later; later = later->next) {
            if (strcmp(child->string, later->string) == 0)
                return true;
        }
    }
    return false;
}

static struct json *no_memory(struct json_problem *problem)
{
    *problem = (struct json_problem){.reason = "there is no memory for it", .no_memory = true};
    return NULL;
}

/* Parses a text that the scan has accepted. */
static struct json *parse_scanned(const char *text, size_t length, struct json_problem *problem)
{
    cJSON *document = cJSON_ParseWithLengthOpts(text, length + 1, NULL, true);
    return document ? (struct json *)document : no_memory(problem);
}

/* The length of a whole number beyond +-(2^53 - 1), of which a double does not hold all digits; else 0. */
static size_t long_integer_length(const char *number)
{
    static const char largest[] = "9007199254740991";
    size_t most = sizeof(largest) - 1, sign = *number == '-';
    const char *digits = number + sign;
    size_t count = strspn(digits, "0123456789");
    bool is_whole = digits[count] == '\0' || !strchr(".eE", digits[count]);
    bool is_long = count > most || (count == most && memcmp(digits, largest, most) > 0);
    return is_whole && is_long ? sign + count : 0;
}

static const char *skip_string(const char *quote)
{
    const char *p = quote + 1;
    while (*p != '"')
        p += *p == '\\' ? 2 : 1;
    return p + 1;
}

/* Copies a text that the scan has accepted, with long integers as strings; nothing if it has none. */
static void quote_long_integers(const char *text, size_t length, struct buffer *quoted)
{
    const char *end = text + length, *copied = text;
    for (const char *p = text; p < end;) {
        if (*p == '"') {
            p = skip_string(p);
        } else if (*p == '-' || isdigit((unsigned char)*p)) {
            size_t digits = long_integer_length(p);
            if (digits > 0) {
                buffer_append(quoted, copied, (size_t)(p - copied));
                buffer_append_char(quoted, '"');
                buffer_append(quoted, p, digits);
                buffer_append_char(quoted, '"');
                copied = p + digits;
            }
            p += strspn(p, "-+.0123456789eE");
        } else {
            p++;
        }
    }
    if (copied > text)
        buffer_append(quoted, copied, (size_t)(end - copied));
}

static struct json *parse_to_the_last_digit(const char *text, size_t length,
                                            struct json_problem *problem)
{
    struct buffer quoted;
    struct json *document = NULL;
    buffer_init(&quoted, 2 * length);
    quote_long_integers(text, length, &quoted);
    if (quoted.failed)
        no_memory(problem);
    else if (quoted.length > 0)
        document = parse_scanned(quoted.data, quoted.length, problem);
    else
        document = parse_scanned(text, length, problem);
    buffer_fini(&quoted);
    return document;
}

struct json *json_parse_mended(const char *text, size_t length, struct json_problem *problem,
                               bool *mended)
{
    struct json *document = NULL;
    *mended = !json_scan(text, length, problem);
    if (!*mended)
        return parse_to_the_last_digit(text, length, problem);
    char *copy = malloc(length + 1);
    if (!copy)
        return no_memory(problem);
    struct json_problem first = *problem;
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (json_mend(copy, length, problem))
        document = parse_to_the_last_digit(copy, length, problem);
    free(copy);
    if (document)
        *problem = first;
    return document;
}

struct json *json_parse(const char *text, size_t length, struct json_problem *problem)
{
    if (!json_scan(text, length, problem))
        return NULL;
    cJSON *document = (cJSON *)parse_scanned(text, length, problem);
    if (!document)
        return NULL;
    if (has_duplicate_names(document)) {
        cJSON_Delete(document);
        *problem = (struct json_problem){.reason = "a name stands twice in one object",
                                         .offset = length};
        return NULL;
    }
    return (struct json *)document;
}

void json_free(struct json *document)
{
    cJSON_Delete((cJSON *)document);
}

bool json_is_object(const struct json *value)
{
    return cJSON_IsObject(as_cjson(value));
}

bool json_is_array(const struct json *value)
{
    return cJSON_IsArray(as_cjson(value));
}

bool json_is_boolean(const struct json *value)
{
    return cJSON_IsBool(as_cjson(value));
}

bool json_is_null(const struct json *value)
{
    return cJSON_IsNull(as_cjson(value));
}

const char *json_type_name(const struct json *value)
{
    const cJSON *item = as_cjson(value);
    return cJSON_IsString(item)   ? "a string"
           : cJSON_IsNumber(item) ? "a number"
           : cJSON_IsTrue(item)   ? "true"
           : cJSON_IsFalse(item)  ? "false"
           : cJSON_IsArray(item)  ? "an array"
           : cJSON_IsObject(item) ? "an object"
                                  : "null";
}

const struct json *json_first(const struct json *object)
{
    return as_json(as_cjson(object)->child);
}

const struct json *json_next(const struct json *member)
{
    return as_json(as_cjson(member)->next);
}

const char *json_name(const struct json *member)
{
    return as_cjson(member)->string;
}

const struct json *json_member(const struct json *object, const char *name)
{
    return as_json(cJSON_GetObjectItemCaseSensitive(as_cjson(object), name));
}

const char *json_text(const struct json *value)
{
    return cJSON_GetStringValue(as_cjson(value));
}

bool json_number(const struct json *value, double *number)
{
    if (!cJSON_IsNumber(as_cjson(value)) || !isfinite(as_cjson(value)->valuedouble))
        return false;
    *number = as_cjson(value)->valuedouble;
    return true;
}

bool json_integer(const struct json *value, int64_t *integer)
{
    const double largest = 9007199254740991.0; /* 2^53 - 1 */
    double number;
    if (!json_number(value, &number) || number != trunc(number) || fabs(number) > largest)
        return false;
    *integer = (int64_t)number;
    return true;
}

bool json_same_scalar(const struct json *a, const struct json *b)
{
    const cJSON *first = as_cjson(a), *second = as_cjson(b);
    bool scalar = !cJSON_IsObject(first) && !cJSON_IsArray(first);
    return scalar && cJSON_Compare(first, second, true);
}

bool json_true(const struct json *value)
{
    return cJSON_IsTrue(as_cjson(value));
}

struct json *json_take_member(struct json *object, const char *name)
{
    return (struct json *)cJSON_DetachItemFromObjectCaseSensitive((cJSON *)object, name);
}

struct json *json_new_object(void)
{
    return (struct json *)cJSON_CreateObject();
}

static bool add(struct json *object, const char *name, cJSON *value)
{
    if (value && cJSON_AddItemToObjectCS((cJSON *)object, name, value))
        return true;
    cJSON_Delete(value);
    return false;
}

bool json_add_text(struct json *object, const char *name, const char *text)
{
    return add(object, name, cJSON_CreateStringReference(text));
}

bool json_add_integer(struct json *object, const char *name, int64_t integer)
{
    return add(object, name, cJSON_CreateNumber((double)integer));
}

bool json_add_boolean(struct json *object, const char *name, bool boolean)
{
    return add(object, name, cJSON_CreateBool(boolean));
}

void json_copy(struct json_writer *json, const char *name, const struct json *value)
{
    const cJSON *item = as_cjson(value);
    if (name)
        json_put_name(json, name);
    if (cJSON_IsString(item)) {
        json_put_text(json, NULL, item->valuestring);
    } else if (cJSON_IsNumber(item)) {
        json_put_number(json, NULL, item->valuedouble);
    } else if (cJSON_IsBool(item)) {
        json_put_bool(json, NULL, cJSON_IsTrue(item));
    } else if (cJSON_IsObject(item)) {
        json_begin_object(json, NULL);
        for (const cJSON *child = item->child; child; child = child->next)
            json_copy(json, child->string, as_json(child));
        json_end_object(json);
    } else if (cJSON_IsArray(item)) {
        json_begin_array(json, NULL);
        for (const cJSON *child = item->child; child; child = child->next)
            json_copy(json, NULL, as_json(child));
        json_end_array(json);
    } else {
        json_put_null(json, NULL);
    }
}
