#include "common/store/sql/seq_range.h"

static int64_t first_seq_at(int64_t wall_ms)
{
    struct message_id first = message_id_first_at(wall_ms);
    return message_id_seq(&first);
}

struct seq_range seq_range_of_times(bool has_after, int64_t after_ms, bool has_before,
                                    int64_t before_ms)
{
    return (struct seq_range){has_after ? first_seq_at(after_ms) : 0,
                              has_before ? first_seq_at(before_ms) : INT64_MAX};
}

enum error seq_range_cut(struct handle *handle, enum statement_id find_seq,
                         enum store_position position, const struct message_id *cursor,
                         struct seq_range *range)
{
    int64_t seq = message_id_seq(cursor); /* what it would be, if there is no row */
    if (position == STORE_AT_OFFSET)
        return ERROR_NONE;
    struct statement *select = statement_get(handle, find_seq);
    statement_bind_message(select, cursor);
    enum error error = statement_read_integer(handle, select, &seq);
    if (position == STORE_OLDER_THAN)
        range->end = MIN(seq, range->end);
    else /* nothing is newer than the greatest */
        range->first = MAX(seq < INT64_MAX ? seq + 1 : seq, range->first);
    return error;
}
