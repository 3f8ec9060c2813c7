/* The event stream: one for the whole page. It goes on after the last event that was seen, whatever happens in between. */
import { post, Problem } from "./api";
import { Store } from "./store";
import type { GatewayEvent } from "./types";

export type Connection = "connecting" | "open" | "lost" | "refused";

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 15_000;
/* A hidden page lets go of its stream, since a browser has few connections to one server. */
const HIDDEN_MS = 60_000;
/* Events are passed on together: a burst must not draw the page for each. */
const GATHER_MS = 200;

const TYPES = [
  "queued", "dispatched", "accepted", "sending", "sent", "delivered", "failed", "expired", "cancelled", "unknown",
].map((status) => `message.${status}`).concat([
  "inbox.received", "device.connected", "device.disconnected", "device.battery_low", "device.revoked", "sending.paused",
  "sending.resumed", "batch.finished", "webhook.test", "webhook.disabled",
]);

/* Clients have added messages or cancelled some. It is no event of the gateway's, and not told again. */
const QUEUE: GatewayEvent = { id: 0, type: "queue", timestamp: "", data: {} };

export const connection = new Store<Connection>("connecting");

const listeners = new Set<(events: GatewayEvent[]) => void>();
let source: EventSource | undefined;
let lastId = "";
let waitMs = FIRST_WAIT_MS;
let timer: number | undefined;
let hidden: number | undefined;
let running = false;
let gathered: GatewayEvent[] = [];
let passing: number | undefined;

/** Calls `listener` with new events, oldest first. An empty list: some may have been missed, so load everything again. */
export function onEvents(listener: (events: GatewayEvent[]) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function pass(): void {
  passing = undefined;
  const events = gathered;
  gathered = [];
  for (const listener of [...listeners]) listener(events);
}

function gatherOne(event: GatewayEvent): void {
  gathered.push(event);
  passing ??= window.setTimeout(pass, GATHER_MS);
}

function gather(event: MessageEvent<string>): void {
  lastId = event.lastEventId || lastId;
  gatherOne(JSON.parse(event.data) as GatewayEvent);
}

function begin(event: MessageEvent<string>): void {
  lastId = event.lastEventId || lastId;
  connection.value = "open";
  waitMs = FIRST_WAIT_MS;
}

function missed(event: MessageEvent<string>): void {
  begin(event);
  gathered = [];
  for (const listener of [...listeners]) listener([]);
}

function close(): void {
  source?.close();
  source = undefined;
  window.clearTimeout(timer);
}

function tryLater(): void {
  close();
  if (!running) return;
  connection.value = "lost";
  // Not all pages at the same moment, after a restart of the gateway.
  timer = window.setTimeout(open, waitMs * (0.5 + Math.random() / 2));
  waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS);
}

async function open(): Promise<void> {
  close();
  let ticket: string;
  try {
    ticket = (await post<{ ticket: string }>("/api/events/ticket")).ticket;
  } catch (error) {
    if (error instanceof Problem && (error.status === 401 || error.status === 403)) connection.value = "refused";
    else tryLater();
    return;
  }
  if (!running || source) return;
  const query = new URLSearchParams({ ticket, queue: "true" });
  if (lastId) query.set("last_event_id", lastId);
  source = new EventSource(`/api/events?${query}`);
  source.addEventListener("start", begin);
  source.addEventListener("reset", missed);
  // A stream that goes on after an id begins with its events, or with nothing.
  source.onopen = () => {
    if (lastId) gatherOne(QUEUE); // it may have changed in between
    connection.value = "open";
    waitMs = FIRST_WAIT_MS;
  };
  source.addEventListener("queue", () => gatherOne(QUEUE));
  for (const type of TYPES) source.addEventListener(type, gather);
  source.onerror = tryLater; // its ticket is used: it cannot come back by itself
}

/** Opens the stream, unless it is open. */
export function startLive(): void {
  if (running) return;
  running = true;
  connection.value = "connecting";
  void open();
}

export function stopLive(): void {
  running = false;
  lastId = "";
  close();
}

document.addEventListener("visibilitychange", () => {
  window.clearTimeout(hidden);
  if (!running) return;
  if (document.hidden) hidden = window.setTimeout(close, HIDDEN_MS);
  else if (!source) void open();
});
