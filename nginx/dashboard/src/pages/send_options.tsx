/* The options of a message: which phone, when, until when. */
import { get, Problem } from "../api";
import { localOf, utcOf } from "../format";
import { useLoad } from "../load";
import { Check, Field } from "../parts/field";
import { may } from "../session";
import type { DeviceList } from "../types";
import { isGone, nameOf } from "./device_parts";

export interface Options {
  /** "", "device:ID" or "group:NAME" */
  by: string;
  sim: string;
  send_at: string;
  ttl: string;
  priority: string;
  reference: string;
  delivery_report: boolean;
  transliterate: boolean;
}

export const NO_OPTIONS: Options = { by: "", sim: "", send_at: "", ttl: "", priority: "", reference: "", delivery_report: true, transliterate: true };

const DEADLINES = [["", "As the settings say"], ["300", "5 minutes"], ["3600", "1 hour"], ["14400", "4 hours"], ["86400", "1 day"], ["604800", "7 days"]];

/** The members of a request; only those that were chosen. */
export function optionsBody(options: Options): Record<string, unknown> {
  const [kind, name] = [options.by.slice(0, options.by.indexOf(":")), options.by.slice(options.by.indexOf(":") + 1)];
  return {
    ...(kind === "device" && { device_id: name }),
    ...(kind === "group" && { device_group: name }),
    ...(options.sim && { sim: Number(options.sim) }),
    ...(options.send_at && { send_at: utcOf(options.send_at) }),
    ...(options.ttl && { ttl_seconds: Number(options.ttl) }),
    ...(options.priority && { priority: options.priority }),
    ...(options.reference.trim() && { reference: options.reference.trim() }),
    ...(!options.delivery_report && { delivery_report: false }),
    ...(options.transliterate && { transliterate: true }),
  };
}

export function OptionFields({ options, onChange, error }: { options: Options; onChange: (options: Options) => void; error?: Error }) {
  const devices = useLoad(may("devices") ? "devices of options" : null, (signal) => get<DeviceList>("/api/devices", { signal }));
  const set = <K extends keyof Options>(name: K, value: Options[K]) => onChange({ ...options, [name]: value });
  const of = (...members: string[]) => (error instanceof Problem ? members.map((member) => error.of(member) ?? error.of("defaults/" + member)).find(Boolean) : undefined);
  const present = (devices.data?.devices ?? []).filter((device) => !isGone(device) || device.connected);
  const groups = [...new Set(present.flatMap((device) => device.groups))].sort();
  const chosen = options.by.startsWith("device:") ? options.by.slice(7) : "";
  const sims = new Set(present.filter((device) => !chosen || device.device_id === chosen).flatMap((device) => (device.sims ?? []).map((sim) => sim.slot)));
  return <div class="fields">
    <Field label="Send at" hint={options.send_at ? "In the time of this computer" : "Empty: now"} error={of("send_at")}>
      <input type="datetime-local" value={options.send_at} min={localOf(new Date())} onInput={(event) => set("send_at", event.currentTarget.value)} /></Field>
    <Field label="Give up after" hint="It expires if nothing was sent by then" error={of("ttl_seconds", "expires_at")}>
      <select value={options.ttl} onChange={(event) => set("ttl", event.currentTarget.value)}>{DEADLINES.map(([value, text]) => <option value={value}>{text}</option>)}</select></Field>
    <Field label="Phone" error={of("device_id", "device_group")}>
      <select value={options.by} onChange={(event) => set("by", event.currentTarget.value)}>
        <option value="">Whichever is best</option>
        {groups.length > 0 && <optgroup label="A group">{groups.map((group) => <option value={`group:${group}`}>any of {group}</option>)}</optgroup>}
        {present.length > 0 && <optgroup label="One phone">{present.map((device) => <option value={`device:${device.device_id}`}>{nameOf(device).slice(0, 60)}{device.connected ? "" : " (offline)"}</option>)}</optgroup>}
        {chosen && !present.some((device) => device.device_id === chosen) && <option value={options.by}>{chosen}</option>}
      </select></Field>
    <Field label="SIM" error={of("sim")}><select value={options.sim} onChange={(event) => set("sim", event.currentTarget.value)}>
      <option value="">Any</option>{[1, 2, 3, 4].filter((slot) => sims.has(slot) || slot <= 2 || String(slot) === options.sim).map((slot) => <option value={slot}>SIM {slot}</option>)}</select></Field>
    <Field label="Priority" error={of("priority")}><select value={options.priority} onChange={(event) => set("priority", event.currentTarget.value)}>
      <option value="">Normal</option><option value="high">High</option><option value="low">Low</option></select></Field>
    <Field label="Reference" hint="Your own label, to find it by" error={of("reference")}><input value={options.reference} maxLength={64} onInput={(event) => set("reference", event.currentTarget.value)} /></Field>
    <div class="wide stack-small">
      <Check label="Replace typographic characters where that saves segments" hint="“ ” becomes &quot; and … becomes three dots; no letter loses its accent" checked={options.transliterate} onChange={(value) => set("transliterate", value)} />
      <Check label="Ask the network for a delivery report" checked={options.delivery_report} onChange={(value) => set("delivery_report", value)} />
    </div>
  </div>;
}
