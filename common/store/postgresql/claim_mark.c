#include "common/store/postgresql/claim_mark.h"

#include "common/store/activity.h"

enum { AS_IT_IS = -1 };

void claim_mark_reset(struct claim_mark *mark, int64_t now_ms)
{
    mark->seq = 0;
    mark->checked_ms = now_ms;
}

void claim_mark_begin(struct claim_mark *mark, int64_t now_ms)
{
    bool is_recent = now_ms >= mark->checked_ms && now_ms - mark->checked_ms < CLAIM_MARK_MS;
    mark->next_seq = AS_IT_IS;
    if (mark->seq == 0 || !is_recent)
        claim_mark_reset(mark, now_ms);
}

void claim_mark_note(struct claim_mark *mark, int64_t first_seq, bool is_full)
{
    if (!is_full)
        mark->next_seq = 0;
    else if (mark->next_seq == AS_IT_IS)
        mark->next_seq = store_seq_first_at(store_seq_time_ms(first_seq) - CLAIM_MARK_ORDER_MS);
}

void claim_mark_committed(struct claim_mark *mark, bool has_returned)
{
    if (has_returned)
        mark->seq = 0;
    else if (mark->next_seq != AS_IT_IS)
        mark->seq = mark->next_seq;
}
