#include "ws-broker/protocol/frame_reading.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool frame_refuse(struct frame_problem *problem, enum error error, const char *detail, ...)
{
    va_list arguments;
    va_start(arguments, detail);
    problem->error = error;
    vsnprintf(problem->detail, sizeof(problem->detail), detail, arguments);
    va_end(arguments);
    return false;
}

void frame_warn(struct frame_reading *reading, const char *member, const char *detail, ...)
{
    struct frame_problem *warning = &reading->frame->warning;
    size_t length = strlen(warning->detail);
    va_list arguments;
    if (warning->error == ERROR_NONE) {
        warning->error = ERROR_MEMBER_IGNORED;
        warning->member = member;
    } else if (length + 2 < sizeof(warning->detail)) {
        strcpy(warning->detail + length, "; ");
        length += 2;
    }
    va_start(arguments, detail);
    vsnprintf(warning->detail + length, sizeof(warning->detail) - length, detail, arguments);
    va_end(arguments);
}

enum taken frame_take_sim(const struct json *value, struct frame_reading *reading)
{
    int64_t sim = 0;
    if (!frame_value_integer(value, 1, MESSAGE_MAX_SIM, &sim))
        return IGNORED;
    reading->frame->sim = (unsigned)sim;
    return TAKEN;
}

static bool refuse_member(const struct frame_member *member, const char *what,
                          struct frame_reading *reading)
{
    enum error error = member->error != ERROR_NONE ? member->error : ERROR_INVALID_VALUE;
    return frame_refuse(reading->problem, error, "%s must be %s%s", member->name, member->wanted,
                        what);
}

static void warn_of_member(const struct frame_member *member, enum taken taken,
                           struct frame_reading *reading)
{
    static const char *const outcomes[] = {
        [CUT] = "it was cut", [CONVERTED] = "it was converted", [IGNORED] = "it was ignored"};
    if (taken != TAKEN)
        frame_warn(reading, member->name, "%s must be %s: %s", member->name, member->wanted,
                   outcomes[taken]);
}

static bool is_essential(const struct frame_member *member)
{
    return member->weight == ESSENTIAL || member->weight == STATED;
}

static bool is_there(const struct frame_member *member, const struct json *value)
{
    return frame_value_is_something(value) || member->weight == STATED;
}

/* Reads one value of a member; `before` is an earlier value of the same name, or NULL. */
static bool read_value(const struct frame_member *member, const struct json *value,
                       const struct json *before, struct frame_reading *reading)
{
    bool essential = is_essential(member);
    if (before && essential)
        return json_same_scalar(before, value) ||
               refuse_member(member, ", and not two different values", reading);
    if (before)
        frame_warn(reading, member->name, "%s appears twice: the last one counts", member->name);
    enum taken taken = member->take(value, reading);
    if (essential && taken != TAKEN)
        return refuse_member(member, "", reading);
    warn_of_member(member, taken, reading);
    return true;
}

static bool read_member(const struct json *object, const struct frame_member *member,
                        struct frame_reading *reading)
{
    const struct json *before = NULL;
    json_for_each (value, object) {
        if (!is_there(member, value) || strcmp(json_name(value), member->name) != 0)
            continue;
        if (!read_value(member, value, before, reading))
            return false;
        before = value;
    }
    if (!before && is_essential(member))
        return refuse_member(member, "", reading);
    if (!before && member->weight == EXPECTED)
        frame_warn(reading, member->name, "%s must be %s: it is missing", member->name,
                   member->wanted);
    return true;
}

bool frame_read_members(const struct json *object, const struct frame_member *members, size_t count,
                        struct frame_reading *reading)
{
    for (size_t i = 0; i < count; i++) {
        if (!read_member(object, &members[i], reading))
            return false;
    }
    return true;
}
