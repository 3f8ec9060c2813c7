/* Reads answers of the mobile API by Gson into the types that SMSGate's app has for them: lines "KIND JSON" of the standard input. It
   prints a line "ok" for each, or what is wrong with it. */
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.Field;
import java.nio.charset.StandardCharsets;
import java.util.Date;
import java.util.HashSet;
import java.util.List;
import java.util.Map;

class ReadAsTheApp {
    enum State { Pending, Cancelling, Processed, Sent, Delivered, Failed, Cancelled }
    enum Order { LIFO, FIFO }
    enum Channel { AUTO, SSE_ONLY }

    /* A member without this may be missing. Gson sets null for it, and the app fails where it is used. */
    @java.lang.annotation.Retention(java.lang.annotation.RetentionPolicy.RUNTIME)
    @interface Needed {}

    static class Text { @Needed String text; }
    static class Data { @Needed String data; @Needed Integer port; }
    static class Message {
        @Needed String id;
        @Needed String message;
        Text textMessage;
        Data dataMessage;
        @Needed List<String> phoneNumbers;
        Integer simNumber;
        Boolean withDeliveryReport;
        Boolean isEncrypted;
        Byte priority;
        @Needed Date validUntil;
        Date scheduleAt;
        @Needed State state;
        @Needed Date createdAt;
    }
    static class Webhook { @Needed String id; @Needed String url; @Needed String event; }
    static class Registered { @Needed String id; @Needed String token; @Needed String login; String password; }
    static class Address { @Needed String externalIp; }
    static class Cancelled { @Needed String messageId; }
    static class Gateway { Channel notification_channel; String cloud_url; String private_token; }
    static class Messages { Order processing_order; Integer limit_value; Integer log_lifetime_days; }
    static class Ping { Integer interval_seconds; }
    static class Webhooks { Boolean internet_required; Integer retry_count; String signing_key; }
    static class Settings { Gateway gateway; Messages messages; Ping ping; Webhooks webhooks; }

    static final Map<String, Class<?>> KINDS = Map.of("messages", Message[].class, "webhooks", Webhook[].class, "settings", Settings.class,
        "registered", Registered.class, "address", Address.class, "cancelled", Cancelled.class);

    static final Gson GSON = new GsonBuilder().setDateFormat("yyyy-MM-dd'T'HH:mm:ss.SSSXXX").create();

    /* Nulls of JSON are in its tree alone: the app reads them as settings to reset, or throws. */
    static void checkTree(JsonElement element) {
        if (element.isJsonNull())
            throw new IllegalStateException("a null");
        if (element.isJsonArray())
            element.getAsJsonArray().forEach(ReadAsTheApp::checkTree);
        if (element.isJsonObject())
            element.getAsJsonObject().entrySet().forEach(member -> checkTree(member.getValue()));
    }

    /* What was sent is what was read: each member of the JSON that the type has. */
    static void check(Object value, JsonElement json) throws IllegalAccessException {
        if (value instanceof Object[]) {
            Object[] elements = (Object[]) value;
            HashSet<String> ids = new HashSet<>();
            for (int i = 0; i < elements.length; i++) {
                check(elements[i], json.getAsJsonArray().get(i));
                if (!ids.add(json.getAsJsonArray().get(i).getAsJsonObject().get("id").getAsString()))
                    throw new IllegalStateException("an id that is there twice");
            }
            return;
        }
        for (Field field : value.getClass().getDeclaredFields()) {
            Object member = field.get(value);
            boolean sent = json.getAsJsonObject().has(field.getName());
            if (member == null && (sent || field.isAnnotationPresent(Needed.class)))
                throw new IllegalStateException(field.getName() + (sent ? " is a word that the app does not know" : " is missing"));
            if (member instanceof Date && Math.abs(((Date) member).getTime() - System.currentTimeMillis()) > 40L * 24 * 3600 * 1000)
                throw new IllegalStateException(field.getName() + " is far away: " + member);
            if (member instanceof Text || member instanceof Data || (value instanceof Settings && member != null))
                check(member, json.getAsJsonObject().get(field.getName()));
        }
    }

    public static void main(String[] arguments) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null; ) {
            String kind = line.substring(0, line.indexOf(' ')), text = line.substring(line.indexOf(' ') + 1);
            try {
                JsonElement json = GSON.fromJson(text, JsonElement.class);
                checkTree(json);
                check(GSON.fromJson(text, (Class<?>) KINDS.get(kind)), json);
                System.out.println("ok");
            } catch (RuntimeException problem) {
                System.out.println(kind + ": " + problem.getMessage() + " in " + text);
            }
        }
    }
}
