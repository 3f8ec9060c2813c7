#include "ws-broker/protocol/frame_info.h"

#include "common/base/json_write.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static enum taken take_name(const struct json *value, struct frame_reading *reading)
{
    struct device_info *info = &reading->frame->info;
    *info->name = '\0';
    return frame_value_text(value, info->name, sizeof(info->name));
}

static enum taken take_version(const struct json *value, struct frame_reading *reading)
{
    struct device_info *info = &reading->frame->info;
    double number; /* 14 and 14.0 are as common as "14" */
    *info->android_version = '\0';
    if (json_number(value, &number) && (number < 0 || number >= 1e6))
        return IGNORED;
    return frame_value_text(value, info->android_version, sizeof(info->android_version));
}

static enum taken take_app_version(const struct json *value, struct frame_reading *reading)
{
    struct device_info *info = &reading->frame->info;
    *info->app_version = '\0';
    return frame_value_text(value, info->app_version, sizeof(info->app_version));
}

/* ---- SIMs ---- */

enum { SIM_TEXT_SIZE = 65 };

struct sim {
    bool is_there;
    char carrier[SIM_TEXT_SIZE], number[SIM_TEXT_SIZE]; /* "": unknown */
};

/* A text or a number; "" for anything else. */
static void take_sim_text(const struct json *sim, const char *name, char text[SIM_TEXT_SIZE])
{
    const struct json *value = json_member(sim, name);
    if (!value || frame_value_text(value, text, SIM_TEXT_SIZE) == IGNORED)
        *text = '\0';
}

/* False for one that cannot be read, or whose slot another has. */
static bool take_sim(const struct json *value, struct sim sims[MESSAGE_MAX_SIM])
{
    int64_t slot;
    const struct json *given = json_is_object(value) ? json_member(value, "slot") : NULL;
    if (!given || !frame_value_integer(given, 1, MESSAGE_MAX_SIM, &slot) || sims[slot - 1].is_there)
        return false;
    struct sim *sim = &sims[slot - 1];
    sim->is_there = true;
    take_sim_text(value, "carrier", sim->carrier);
    take_sim_text(value, "number", sim->number);
    return true;
}

/* The array as the API shows it; NULL without memory. */
static char *write_sims(const struct sim sims[MESSAGE_MAX_SIM])
{
    struct buffer text;
    struct json_writer json = {.out = &text};
    buffer_init(&text, 8 * MESSAGE_MAX_SIM * 2 * SIM_TEXT_SIZE);
    json_begin_array(&json, NULL);
    for (int i = 0; i < MESSAGE_MAX_SIM; i++) {
        if (!sims[i].is_there)
            continue;
        json_begin_object(&json, NULL);
        json_put_integer(&json, "slot", i + 1);
        if (*sims[i].carrier)
            json_put_text(&json, "carrier", sims[i].carrier);
        if (*sims[i].number)
            json_put_text(&json, "number", sims[i].number);
        json_end_object(&json);
    }
    json_end_array(&json);
    return buffer_take(&text);
}

static enum taken take_sims(const struct json *value, struct frame_reading *reading)
{
    struct device_info *info = &reading->frame->info;
    struct sim sims[MESSAGE_MAX_SIM] = {0};
    int odd = 0, looked_at = 0;
    free(info->sims);
    info->sims = NULL;
    info->sim_slots = 0;
    if (!json_is_array(value))
        return IGNORED;
    json_for_each (sim, value) {
        if (looked_at++ == 4 * MESSAGE_MAX_SIM)
            break;
        odd += !take_sim(sim, sims);
    }
    for (unsigned slot = 1; slot <= MESSAGE_MAX_SIM; slot++)
        info->sim_slots |= sims[slot - 1].is_there ? 1u << slot : 0;
    if (odd > 0)
        frame_warn(reading, "sims",
                   "%d of the sims were ignored: each must have a slot of its own, "
                   "from 1 to %d",
                   odd, MESSAGE_MAX_SIM);
    info->sims = write_sims(sims);
    return TAKEN;
}

/* ---- */

/* An app that gives fractions is warned by its values other than 1. */
static enum taken take_battery(const struct json *value, struct frame_reading *reading)
{
    struct device_info *info = &reading->frame->info;
    double level;
    info->battery_level = -1;
    if (!frame_value_number(value, "%", &level))
        return IGNORED;
    if (level == -1 || level == 1)
        return TAKEN; /* -1 is Android's value for "unknown" */
    if (level < 0 || level > 100)
        return IGNORED;
    info->battery_level = device_battery_percent(level);
    return info->battery_level != level ? CONVERTED : TAKEN;
}

static enum taken take_charging(const struct json *value, struct frame_reading *reading)
{
    bool charging;
    bool readable = frame_value_boolean(value, &charging);
    reading->frame->info.charging = readable ? charging : -1;
    return readable ? TAKEN : IGNORED;
}

static enum taken take_signal(const struct json *value, struct frame_reading *reading)
{
    struct device_info *info = &reading->frame->info;
    double strength;
    info->has_signal_strength = false;
    info->signal_strength = 0;
    if (!frame_value_number(value, "dBm", &strength) && !frame_value_number(value, "%", &strength))
        return IGNORED;
    /* Android's values for "unknown". As dBm, the -1 of getGsmDbm() would be better than any real signal. */
    if (strength == 2147483647 || strength == -1)
        return TAKEN;
    if (strength < -200 || strength > 100)
        return IGNORED;
    info->signal_strength = (int)lround(strength);
    info->has_signal_strength = true;
    return TAKEN;
}

static const struct frame_member members[] = {
    {"device_name", OPTIONAL, take_name, "a text of at most 100 bytes", ERROR_NONE},
    {"battery_level", OPTIONAL, take_battery,
     "a percentage from 0 to 100 (not a fraction of 1), or -1 if unknown", ERROR_NONE},
    {"charging", OPTIONAL, take_charging, "true or false", ERROR_NONE},
    {"signal_strength", OPTIONAL, take_signal, "dBm if negative, bars from 0 to 4, or percent",
     ERROR_NONE},
    {"android_version", OPTIONAL, take_version, "a text of at most 32 bytes, or a number",
     ERROR_NONE},
    {"app_version", OPTIONAL, take_app_version, "a text of at most 32 bytes", ERROR_NONE},
    {"sims", OPTIONAL, take_sims, "an array of objects with a slot from 1 to 4", ERROR_NONE},
};

/* ---- Further members, as one JSON object ---- */

/* The members of a frame that are read: all of their names are compared with each other. */
enum { MAX_READ_MEMBERS = JSON_MAX_MEMBERS + ARRAY_LENGTH(members) };

static bool is_further(const struct json *member)
{
    for (size_t i = 0; i < ARRAY_LENGTH(members); i++) {
        if (strcmp(members[i].name, json_name(member)) == 0)
            return false;
    }
    return frame_value_is_something(member);
}

/* The member of that name from `first` on that is not null, among those that are read. */
static const struct json *find_further(const struct json *first, const char *name)
{
    int left = MAX_READ_MEMBERS;
    for (const struct json *member = first; member && left-- > 0; member = json_next(member)) {
        if (strcmp(json_name(member), name) == 0 && frame_value_is_something(member))
            return member;
    }
    return NULL;
}

struct extra {
    struct buffer text; /* the members, separated by commas, without braces */
    int count;
    size_t max_bytes;
    int max_count;
    int left_out;
};

/* Appends a member, if there is room and its JSON can be read again. */
static void append_member(struct extra *extra, const struct json *member)
{
    struct buffer object;
    struct json_problem reason;
    buffer_init(&object, DEVICE_EXTRA_MAX_BYTES);
    struct json_writer json = {.out = &object};
    json_begin_object(&json, NULL);
    json_copy(&json, json_name(member), member);
    json_end_object(&json);
    bool good = !object.failed && extra->count < extra->max_count &&
                extra->text.length + (extra->count > 0) + object.length - 2 <= extra->max_bytes;
    if (good && (json_is_object(member) || json_is_array(member))) {
        struct json *again = json_parse(object.data, object.length, &reason);
        good = again;
        json_free(again);
    }
    if (good) {
        if (extra->count++ > 0)
            buffer_append_char(&extra->text, ',');
        buffer_append(&extra->text, object.data + 1, object.length - 2);
    }
    extra->left_out += !good;
    buffer_fini(&object);
}

static void append_new(struct extra *extra, const struct json *update)
{
    int looked_at = 0;
    json_for_each (member, update) {
        if (!is_further(member))
            continue;
        if (++looked_at > JSON_MAX_MEMBERS ||
            find_further(json_next(member), json_name(member))) /* the last of two counts */
            extra->left_out++;
        else
            append_member(extra, member);
    }
}

/* Appends the known members that the update does not replace. */
static void append_known(struct extra *extra, const char *known, const struct json *update)
{
    struct json_problem never;
    struct json *before = known ? json_parse(known, strlen(known), &never) : NULL;
    if (!before)
        return;
    json_for_each (member, before) {
        if (!find_further(json_first(update), json_name(member)))
            append_member(extra, member);
    }
    json_free(before);
}

/* {known,added}; NULL without memory */
static char *join_extra(const struct extra *known, const struct extra *added)
{
    struct buffer object;
    buffer_init(&object, DEVICE_EXTRA_MAX_BYTES);
    buffer_append_char(&object, '{');
    if (known->count > 0)
        buffer_append(&object, known->text.data, known->text.length);
    if (known->count > 0 && added->count > 0)
        buffer_append_char(&object, ',');
    if (added->count > 0)
        buffer_append(&object, added->text.data, added->text.length);
    buffer_append_char(&object, '}');
    return buffer_take(&object);
}

/* Merges new members over the known ones. New ones come first when there is no room for all. */
static bool merge_extra(const struct json *object, struct frame_reading *reading)
{
    struct device_info *info = &reading->frame->info;
    struct extra added = {.max_bytes = DEVICE_EXTRA_MAX_BYTES - 2, .max_count = JSON_MAX_MEMBERS};
    buffer_init(&added.text, DEVICE_EXTRA_MAX_BYTES);
    append_new(&added, object);
    struct extra known = {.max_bytes = added.max_bytes - added.text.length,
                          .max_count = added.max_count - added.count};
    known.max_bytes -= MIN(known.max_bytes, (size_t)(added.count > 0)); /* the comma */
    buffer_init(&known.text, DEVICE_EXTRA_MAX_BYTES);
    append_known(&known, reading->known->extra, object);
    int left_out = added.left_out + known.left_out;
    if (left_out > 0)
        frame_warn(reading, "extra",
                   "%d further members were ignored: at most %d are kept, with %d bytes in all",
                   left_out, JSON_MAX_MEMBERS, DEVICE_EXTRA_MAX_BYTES);
    bool none = added.count + known.count == 0;
    info->extra = none ? NULL : join_extra(&known, &added);
    buffer_fini(&added.text);
    buffer_fini(&known.text);
    return none || info->extra || frame_refuse(reading->problem, ERROR_INTERNAL, "no memory");
}

bool frame_keep_info(struct frame_reading *reading)
{
    return device_info_copy(reading->known, &reading->frame->info) ||
           frame_refuse(reading->problem, ERROR_INTERNAL, "no memory");
}

bool frame_read_info(const struct json *object, struct frame_reading *reading)
{
    reading->frame->info = *reading->known;
    reading->frame->info.sims = reading->frame->info.extra = NULL;
    if (reading->known->sims && !(reading->frame->info.sims = strdup(reading->known->sims)))
        return frame_refuse(reading->problem, ERROR_INTERNAL, "no memory");
    return frame_read_members(object, members, ARRAY_LENGTH(members), reading) &&
           merge_extra(object, reading);
}
