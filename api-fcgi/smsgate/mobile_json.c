#include "api-fcgi/smsgate/mobile_json.h"

#include "api-fcgi/smsgate/smsgate_error.h"
#include "common/base/json_write.h"
#include "common/base/utf8.h"
#include "common/model/message.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct json *mobile_json_parse(struct http_exchange *exchange)
{
    const struct buffer *text = &exchange->request.body;
    struct json_problem problem;
    bool mended;
    struct json *body = text->length > 0
                            ? json_parse_mended(text->data, text->length, &problem, &mended)
                            : json_parse_mended("{}", 2, &problem, &mended);
    if (!body)
        smsgate_error(exchange, 400, "The body is not valid JSON: %s (at byte %zu).",
                      problem.reason, problem.offset);
    return body;
}

const char *mobile_json_text(const struct json *object, const char *name)
{
    const struct json *value = object ? json_member(object, name) : NULL;
    const char *text = value ? json_text(value) : NULL;
    return text ? text : "";
}

bool mobile_json_number(const struct json *object, const char *name, double *number)
{
    const struct json *value = object ? json_member(object, name) : NULL;
    const char *text = value ? json_text(value) : NULL;
    char *end;
    if (!value || json_number(value, number))
        return value;
    if (!text)
        return false;
    *number = strtod(text, &end);
    return end > text && !*end && isfinite(*number);
}

int64_t mobile_json_integer(const struct json *object, const char *name, int64_t missing)
{
    enum { MOST = 1 << 30 };
    double number;
    return mobile_json_number(object, name, &number) && fabs(number) <= MOST ? (int64_t)number
                                                                             : missing;
}

static void put_sim(struct json_writer *json, const struct json *card, unsigned *slots)
{
    enum { MOST_BYTES = 64 };
    char carrier[MOST_BYTES], number[MOST_BYTES];
    int64_t slot = mobile_json_integer(card, "simNumber", 0);
    if (slot < 1 || slot > MESSAGE_MAX_SIM || *slots & 1u << slot)
        return;
    *slots |= 1u << slot;
    utf8_copy(mobile_json_text(card, "carrierName"), carrier, sizeof(carrier));
    utf8_copy(mobile_json_text(card, "phoneNumber"), number, sizeof(number));
    json_begin_object(json, NULL);
    json_put_integer(json, "slot", slot);
    if (*carrier)
        json_put_text(json, "carrier", carrier);
    if (*number)
        json_put_text(json, "number", number);
    json_end_object(json);
}

char *mobile_json_sims(const struct json *sim_cards, unsigned *slots)
{
    struct buffer text;
    *slots = 0;
    if (!sim_cards || !json_is_array(sim_cards))
        return NULL;
    buffer_init(&text, 4096);
    struct json_writer json = {.out = &text};
    json_begin_array(&json, NULL);
    json_for_each (card, sim_cards)
        put_sim(&json, card, slots);
    json_end_array(&json);
    char *list = text.failed || !text.data || *slots == 0 ? NULL : strdup(text.data);
    buffer_fini(&text);
    return list;
}
