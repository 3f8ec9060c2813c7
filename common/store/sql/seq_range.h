/* The rows that a page of a list may come from: messages and incoming SMS are numbered by their ids (message_id_seq). */
#ifndef COMMON_STORE_SQL_SEQ_RANGE_H
#define COMMON_STORE_SQL_SEQ_RANGE_H

#include "common/store/messages.h"
#include "common/store/sql/backend.h"

/* From `first` up to, but without, `end`. */
struct seq_range {
    int64_t first, end;
};

/* Of ids from after_ms up to, but without, before_ms: wall times, each only if it is set. */
struct seq_range seq_range_of_times(bool has_after, int64_t after_ms, bool has_before,
                                    int64_t before_ms);

/* Cuts the range down to the rows on that side of the cursor, also if what that names is gone. `find_seq`: the statement
   that finds a row's number by its id. */
MUST_CHECK enum error seq_range_cut(struct handle *handle, enum statement_id find_seq,
                                    enum store_position position, const struct message_id *cursor,
                                    struct seq_range *range);

#endif
