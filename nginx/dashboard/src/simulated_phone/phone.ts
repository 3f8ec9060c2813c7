/* A simulated phone in this page: the basic level of ws-broker/PROTOCOL.md over the browser's WebSocket. It sends nothing for real. */
import { Store } from "../store";

export type Behaviour = "deliver" | "send" | "fail" | "silent";
export type PhoneConnection = "off" | "connecting" | "connected" | "lost" | "refused";

export interface PhoneSms {
  id: string;
  direction: "out" | "in";
  number: string;
  text: string;
  at: number;
  /** Of one that it sends: what it last reported. Of one that it received: whether the gateway has it. */
  status: "accepted" | "sending" | "sent" | "delivered" | "failed" | "unread" | "stored";
}

export interface PhoneState {
  connection: PhoneConnection;
  deviceId: string;
  battery: number;
  charging: boolean;
  signal: number;
  behaviour: Behaviour;
  sms: PhoneSms[];
}

interface Memory {
  deviceId: string;
  /** Message ids of the last week: none is sent twice. */
  seen: Record<string, number>;
}

const STORED = "sms-gateway-simulated-phone";
const WEEK_MS = 7 * 24 * 3600 * 1000;
const MOST_SEEN = 2000;
const MOST_SHOWN = 200;
const REPEAT_MS = 10 * 60 * 1000;
const UNACKNOWLEDGED_MS = 60_000;

function recall(): Memory {
  try {
    const memory = JSON.parse(localStorage.getItem(STORED) ?? "") as Memory;
    if (/^[A-Za-z0-9_-]{1,64}$/.test(memory.deviceId) && typeof memory.seen === "object") return memory;
  } catch {
    // none yet
  }
  const random = crypto.getRandomValues(new Uint32Array(1))[0] as number;
  return { deviceId: `browser-${random.toString(36).slice(0, 5)}`, seen: {} };
}

const memory = recall();

function remember(id?: string): void {
  const now = Date.now();
  if (id) memory.seen[id] = now;
  const recent = Object.entries(memory.seen).filter(([, at]) => now - at < WEEK_MS).slice(-MOST_SEEN);
  memory.seen = Object.fromEntries(recent);
  localStorage.setItem(STORED, JSON.stringify(memory));
}

export const phone = new Store<PhoneState>({
  connection: "off", deviceId: memory.deviceId, battery: 87, charging: false, signal: -71, behaviour: "deliver", sms: [],
});

let socket: WebSocket | undefined;
let waitMs = 1000;
let timer: number | undefined;
let resending: number | undefined;
let everConnected = false;
/* The last report of each message, to be repeated after a reconnection. */
const reports = new Map<string, { frame: object; at: number }>();

function change(part: Partial<PhoneState>): void {
  phone.value = { ...phone.value, ...part };
}

function changeSms(id: string, status: PhoneSms["status"]): void {
  change({ sms: phone.value.sms.map((sms) => (sms.id === id ? { ...sms, status } : sms)) });
}

function tell(frame: object): boolean {
  if (socket?.readyState !== WebSocket.OPEN) return false;
  socket.send(JSON.stringify(frame));
  return true;
}

function report(id: string, status: "sending" | "sent" | "delivered" | "failed", more: object = {}): void {
  const frame = { type: "status_update", message_id: id, status, ...more };
  reports.set(id, { frame, at: Date.now() });
  changeSms(id, status);
  tell(frame);
}

/** What the modem of a real phone would do with it, in its time. */
function sendByRadio(id: string): void {
  const { behaviour } = phone.value;
  if (behaviour === "silent") return;
  window.setTimeout(() => report(id, "sending"), 300);
  window.setTimeout(() => {
    if (behaviour === "fail") report(id, "failed", { error_code: "no_service", error_message: "The simulated phone has no network." });
    else report(id, "sent");
  }, 900);
  if (behaviour === "deliver") window.setTimeout(() => report(id, "delivered"), 2000);
}

function take(frame: { message_id: string; phone_number: string; message: string }): void {
  const id = frame.message_id;
  if (memory.seen[id]) {
    const last = reports.get(id);
    if (last) tell(last.frame);
    return;
  }
  remember(id);
  const sms: PhoneSms = { id, direction: "out", number: frame.phone_number, text: frame.message, at: Date.now(), status: "accepted" };
  change({ sms: [...phone.value.sms, sms].slice(-MOST_SHOWN) });
  sendByRadio(id);
}

function tellReceived(sms: PhoneSms): void {
  tell({ type: "sms_received", received_id: sms.id, from: sms.number, message: sms.text, received_at: sms.at, sim: 1 });
}

function tellUnacknowledged(): void {
  for (const sms of phone.value.sms) if (sms.direction === "in" && sms.status === "unread") tellReceived(sms);
}

function begin(): void {
  everConnected = true;
  waitMs = 1000;
  change({ connection: "connected" });
  for (const [id, { frame, at }] of reports)
    if (Date.now() - at < REPEAT_MS) tell(frame);
    else reports.delete(id);
  tellUnacknowledged();
  window.clearInterval(resending);
  resending = window.setInterval(tellUnacknowledged, UNACKNOWLEDGED_MS);
}

function hear(event: MessageEvent<string>): void {
  const frame = JSON.parse(event.data);
  if (frame.type === "connection_ack") begin();
  else if (frame.type === "new_sms") take(frame);
  else if (frame.type === "sms_received_ack") changeSms(frame.received_id, "stored");
  else if (frame.type === "error" && frame.code === "message_not_held") reports.delete(frame.message_id);
}

function connect(): void {
  window.clearTimeout(timer);
  change({ connection: "connecting" });
  const address = new URL(`/ws/device/${memory.deviceId}`, location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  const opening = new WebSocket(address);
  let opened = false;
  socket = opening;
  opening.onopen = () => {
    opened = true;
    const { battery, charging, signal } = phone.value;
    opening.send(JSON.stringify({
      device_name: "Simulated phone in a browser", battery_level: battery, charging, signal_strength: signal,
      android_version: "none", app_version: "dashboard", sims: [{ slot: 1, carrier: "Simulated" }],
    }));
  };
  opening.onmessage = hear;
  opening.onclose = () => {
    window.clearInterval(resending);
    if (socket !== opening) return;
    // A browser does not tell why a handshake was refused. One that never succeeded was not refused by accident.
    if (!opened && !everConnected) {
      socket = undefined;
      change({ connection: "refused" });
      return;
    }
    change({ connection: "lost" });
    timer = window.setTimeout(connect, waitMs * (0.5 + Math.random() / 2));
    waitMs = Math.min(2 * waitMs, 60_000);
  };
}

export function switchOn(): void {
  if (socket) return;
  remember();
  connect();
}

export function switchOff(): void {
  const closing = socket;
  socket = undefined;
  window.clearTimeout(timer);
  closing?.close();
  change({ connection: "off" });
}

export function setBehaviour(behaviour: Behaviour): void {
  change({ behaviour });
}

/** What the phone tells of itself. */
export function setInfo(info: Partial<Pick<PhoneState, "battery" | "charging" | "signal">>): void {
  change(info);
  const { battery, charging, signal } = phone.value;
  tell({ type: "device_update", info: { battery_level: battery, charging, signal_strength: signal } });
}

/** The phone receives an SMS. */
export function receive(from: string, text: string): void {
  const id = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const sms: PhoneSms = { id, direction: "in", number: from, text, at: Date.now(), status: "unread" };
  change({ sms: [...phone.value.sms, sms].slice(-MOST_SHOWN) });
  tellReceived(sms);
}
