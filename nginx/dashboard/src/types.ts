/* What the API answers, as far as the page uses it: api-fcgi/openapi.yaml has all of it. */

export const STATUSES = [
  "queued", "dispatched", "accepted", "sending", "sent", "delivered", "failed", "expired", "cancelled", "unknown",
] as const;
export type Status = (typeof STATUSES)[number];

export interface Waiting {
  reason: string;
  until: string | null;
  detail: string;
}

export interface Message {
  message_id: string;
  phone_number: string;
  message: string | null;
  status: Status;
  waiting_for: Waiting | null;
  device_id: string | null;
  device_sim: number | null;
  segments: number;
  encoding: string;
  attempts: number;
  error_code: string | null;
  error_message: string | null;
  options: Record<string, string | number | boolean> | null;
  batch_id: string | null;
  resent_as: string | null;
  request_id: string | null;
  created_at: string;
  updated_at: string;
  times: Partial<Record<Status, string>>;
}

export interface MessagePage {
  messages: Message[];
  count: number;
  total: number;
  next: string | null;
}

export interface MessageEvent {
  status: Status;
  at: string;
  attempt: number;
  device_id: string | null;
  reason: string;
  error_code: string | null;
  error_message: string | null;
}

export interface Incoming {
  incoming_id: string;
  from: string | null;
  to: string | null;
  message: string | null;
  segments: number;
  kind: "sms" | "data" | "mms";
  device_id: string;
  sim: number | null;
  received_at: string | null;
  stored_at: string;
}

export interface Sim {
  slot: number;
  carrier?: string;
  number?: string;
}

export interface Device {
  device_id: string;
  device_name: string | null;
  name: string | null;
  state: "active" | "replaced" | "revoked" | "quarantined" | null;
  groups: string[];
  enabled: boolean;
  daily_segments: number | null;
  segments_per_window: number | null;
  connected: boolean;
  connected_at: string | null;
  disconnected_at: string | null;
  last_seen_at: string | null;
  paired_at: string | null;
  ended_at: string | null;
  battery_level: number | null;
  charging: boolean | null;
  signal_strength: number | null;
  android_version: string | null;
  app_version: string | null;
  sims: Sim[] | null;
  queue: number;
  today: { segments: number; limit: number | null } | null;
  budget: { remaining: number; limit: number; window_seconds: number; refills_at: string | null } | null;
  last_error: { code: string | null; message: string | null; message_id: string; at: string } | null;
  extra: Record<string, unknown> | null;
}

export interface GatewayEvent {
  id: number;
  type: string;
  timestamp: string;
  data: {
    message_id?: string;
    status?: Status;
    device_id?: string | null;
    phone_number?: string;
    incoming_id?: string;
    from?: string | null;
    batch_id?: string | null;
    reason?: string;
    webhook_id?: string;
  };
}

export const isFinished = (status: Status): boolean => !["queued", "dispatched", "accepted", "sending"].includes(status);
/** Of these a new message may be made. */
export const isResendable = (status: Status): boolean => ["failed", "expired", "cancelled", "unknown"].includes(status);

export interface DeviceList {
  devices: Device[];
  count: number;
  next?: string;
}

export interface Sending {
  paused: boolean;
  paused_since: string | null;
  reason: string | null;
}

export interface Today {
  accepted: number | null;
  limit: number | null;
  resets_at: string;
}

export interface Overview {
  version: string;
  at: string;
  messages: Record<Status, number>;
  waiting: { reason: string; count: number; detail: string }[];
  stuck: number;
  oldest_queued_at: string | null;
  sending: Sending;
  devices: { any: boolean; connected: number; offline: number; disabled: number; battery_low: number; quarantined: number } | null;
  today: Today;
  alerts: { code: string; severity: "error" | "warning" | "info"; detail: string; cure: string }[];
}

export interface Quantiles {
  count: number;
  p50: number | null;
  p90: number | null;
  p99: number | null;
}

export interface Statistics {
  minutes: { at: string; accepted: number; sent: number; delivered: number; failed: number; received: number; estimated: boolean }[];
  queued_to_sent_seconds: Quantiles;
  sent_to_delivered_seconds: Quantiles;
}

export interface Reading {
  at: string;
  battery_level: number | null;
  charging: boolean | null;
  signal_strength: number | null;
}

export interface Readings {
  readings: Reading[];
}

export interface Pairing {
  code: string;
  device_id: string | null;
  expires_at: string;
  url: string;
  uri: string;
  qr: string[];
}

/** What a webhook can be told of, but tests. */
export const EVENT_TYPES = [
  ...STATUSES.map((status) => `message.${status}`), "inbox.received", "device.connected", "device.disconnected", "device.battery_low", "device.revoked",
  "sending.paused", "sending.resumed", "batch.finished", "webhook.disabled",
];

export interface Webhook {
  webhook_id: string;
  url: string;
  types: string[];
  device_group: string | null;
  with_text: boolean;
  description: string | null;
  enabled: boolean;
  disabled_reason: string | null;
  created_at: string;
  health: {
    failures: number;
    failing_since: string | null;
    next_try_at: string | null;
    last_success_at: string | null;
    last_status: number | null;
    last_error: string | null;
  };
}

export interface Delivery {
  event_id: number;
  type: string;
  timestamp: string;
  message_id: string | null;
  state: "waiting" | "delivered" | "given_up";
  tries: number;
  next_try_at: string | null;
  last_try_at: string | null;
  last_status: number | null;
  last_error: string | null;
}

export interface Key {
  key_id: string;
  kind: "key" | "session" | "link";
  label: string;
  state: "active" | "expired" | "revoked";
  scopes: string[];
  created_at: string | null;
  expires_at: string | null;
  revoked_at: string | null;
  requests_per_minute: number | null;
  daily_messages: number | null;
  ignores_opt_out: boolean;
  accepted_today: number | null;
  current: boolean;
}

export interface Limits {
  sending: Sending;
  today: Today;
  burst: { accepted: number | null; limit: number | null; minutes: number };
  key: { accepted: number | null; limit: number | null } | null;
  settings: { name: string; value: number | string | null; default: number | string | null; unit: string | null; meaning: string }[];
}

export interface Conversation {
  phone_number: string;
  direction: "in" | "out";
  id: string;
  at: string;
  text: string | null;
  status: Status | null;
  device_id: string | null;
}
