#include "common/model/incoming_json.h"

/* In struct incoming_sms "" means "none". */
static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

bool incoming_sms_text_is_removed(const struct incoming_sms *sms)
{
    return *sms->text == '\0' && sms->segments > 0;
}

int64_t incoming_sms_device_time_ms(const struct incoming_sms *sms)
{
    static const int64_t first_ms = -62167219200000, last_ms = 253402300799999;
    bool is_date = sms->received_at_ms >= first_ms && sms->received_at_ms <= last_ms;
    return is_date ? sms->received_at_ms : 0;
}

void incoming_json_put(struct json_writer *json, const struct incoming_sms *sms)
{
    char id[MESSAGE_ID_TEXT_SIZE];
    message_id_format(&sms->id, id);
    json_begin_object(json, NULL);
    json_put_text(json, "incoming_id", id);
    json_put_text(json, "from", or_null(sms->sender));
    json_put_text(json, "to", or_null(sms->recipient));
    json_put_text(json, "message", incoming_sms_text_is_removed(sms) ? NULL : sms->text);
    json_put_integer(json, "segments", sms->segments);
    json_put_text(json, "encoding", sms_encoding_name(sms->encoding));
    json_put_text(json, "kind", incoming_kind_name(sms->kind));
    json_put_text(json, "device_id", sms->device_id);
    if (sms->sim != 0)
        json_put_integer(json, "sim", sms->sim);
    else
        json_put_null(json, "sim");
    json_put_text(json, "received_id", sms->received_id);
    json_put_time(json, "received_at", incoming_sms_device_time_ms(sms));
    json_put_time(json, "stored_at", message_id_time_ms(&sms->id));
    json_end_object(json);
}
