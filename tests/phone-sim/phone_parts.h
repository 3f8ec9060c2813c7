/* What the files that make a phone share: phone.c and phone_assured.c. */
#ifndef TESTS_PHONE_SIM_PHONE_PARTS_H
#define TESTS_PHONE_SIM_PHONE_PARTS_H

#include "tests/phone-sim/phone.h"

/* phone.c */
void PRINTF_FORMAT(2, 3) phone_complain(struct phone *phone, const char *format, ...);
void phone_want_write(struct phone *phone);
int64_t phone_clock_ms(const struct phone *phone); /* what its clock says, wall */
void phone_drop(struct phone *phone, const char *reason);

/* phone_assured.c */
void phone_init_assured(struct phone *phone, int64_t now_ms);
void phone_take_assured(struct phone *phone, const struct received_frame *frame, int64_t now_ms);
void phone_lose_journal(struct phone *phone, int64_t now_ms);

/* phone_inbox.c */
void phone_init_inbox(struct phone *phone, int64_t connect_at_ms);
void phone_retire_inbox(struct phone *phone);
bool phone_inbox_has_frame(const struct phone *phone, bool also_later);
size_t phone_inbox_write(const struct phone *phone, char *space);
void phone_inbox_written(struct phone *phone, int64_t now_ms);
/* The gateway has stored it, or never will. */
void phone_inbox_answered(struct phone *phone, const char *received_id, bool is_stored);

#endif
