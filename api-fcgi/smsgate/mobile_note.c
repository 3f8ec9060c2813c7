#include "api-fcgi/smsgate/mobile_note.h"

#include <string.h>

static void release(struct http_exchange *exchange)
{
    device_info_fini(&exchange->write.note_polled.info);
}

struct store_note_polled *mobile_note_begin(struct http_exchange *exchange, const char *device_id,
                                            const char *token_id)
{
    struct store_note_polled *note = &exchange->write.note_polled;
    exchange->write = (struct store_write){.verb = STORE_NOTE_POLLED};
    strcpy(note->device_id, device_id);
    strcpy(note->token_id, token_id);
    note->info = DEVICE_INFO_UNKNOWN;
    exchange->release = release;
    return note;
}
