#include "common/process/settings_limits.h"

#include "common/base/utf8.h"
#include "common/process/settings_table.h"

#include <string.h>

static void put_text(struct json_writer *json, const char *name, const char *text)
{
    json_put_text(json, name, utf8_valid(text, strlen(text)) ? text : NULL);
}

void settings_limits_put(struct json_writer *json, const struct settings *settings)
{
    json_begin_array(json, "settings");
    for (int i = SETTINGS_NUMBER_OF_max_message_segments; i < SETTINGS_NUMBER_OF_webhook_loopback;
         i++) {
        const struct setting *setting = &settings_table[i];
        bool is_number = setting->type == SETTING_NUMBER;
        json_begin_object(json, NULL);
        json_put_text(json, "name", setting->name);
        if (is_number) {
            json_put_integer(json, "value", *setting_number(settings, setting));
            json_put_integer(json, "default", setting->default_number);
        } else {
            put_text(json, "value", setting_text(settings, setting));
            put_text(json, "default", setting->default_text);
        }
        json_put_text(json, "unit", is_number ? setting->unit : NULL);
        json_put_text(json, "meaning", setting->meaning);
        json_end_object(json);
    }
    json_end_array(json);
}
