#!/usr/bin/env php
<?php
// Sends one SMS, follows it, and lists the newest messages; needs no extension: send.php NUMBER TEXT
declare(strict_types=1);

const FINAL_STATUSES = ['delivered', 'failed', 'expired', 'cancelled', 'unknown'];

function api(string $path, ?array $body = null): array
{
    $headers = ['Content-Type: application/json'];
    if (getenv('API_KEY')) {
        $headers[] = 'Authorization: Bearer ' . getenv('API_KEY');
    }
    if ($body !== null) { // the same each time, so that one message is created
        $headers[] = 'Idempotency-Key: ' . bin2hex(random_bytes(16));
    }
    $context = stream_context_create(['http' => [
        'method' => $body === null ? 'GET' : 'POST',
        'header' => $headers,
        'content' => $body === null ? '' : json_encode($body, JSON_THROW_ON_ERROR),
        'ignore_errors' => true, // every error is a JSON object too (RFC 9457)
        'timeout' => 30,
    ]]);
    $gateway = getenv('GATEWAY_URL') ?: 'http://localhost:8000';
    for ($tries = 1; $tries <= 5; $tries++) {
        $answer = @file_get_contents($gateway . $path, false, $context);
        $found = $answer === false
            ? ['status' => 502, 'code' => 'no_answer', 'detail' => error_get_last()['message']]
            : json_decode($answer, true, flags: JSON_THROW_ON_ERROR);
        if (!isset($found['code']) || !in_array($found['status'], [502, 503, 504], true)) {
            break;
        }
        sleep(1);
    }
    if (isset($found['code'])) {
        $why = isset($found['errors']) ? json_encode($found['errors']) : $found['detail'];
        fwrite(STDERR, "{$found['status']} {$found['code']}: $why\n");
        exit(1);
    }
    return $found;
}

[, $number, $text] = $argv;
$id = api('/api/send-sms', ['phone_number' => $number, 'message' => $text])['message_id'];
echo "accepted: $id\n";

for ($tries = 0; $tries < 60; $tries++) {
    $status = api("/api/sms/$id")['status'];
    if (in_array($status, FINAL_STATUSES, true)) {
        break;
    }
    sleep(1);
}
echo "status: $status\n";

foreach (api('/api/sms?limit=5')['messages'] as $message) {
    echo "{$message['created_at']} {$message['phone_number']} {$message['status']}\n";
}
