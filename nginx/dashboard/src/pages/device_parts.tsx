/* How a device is shown, wherever it is. */
import { Badge } from "../parts/basic";
import { Icon, Signal } from "../parts/icon";
import type { Device } from "../types";

export const nameOf = (device: Device): string => device.device_name ?? device.device_id;

/** Whether it may come back: its token opens, or it needs none. */
export const isGone = (device: Device): boolean => device.state === "revoked" || device.state === "replaced";

export function Presence({ device }: { device: Device }) {
  if (device.state === "quarantined") return <Badge tone="bad">quarantined</Badge>;
  if (isGone(device) && !device.connected) return <Badge tone="plain">{device.state}</Badge>;
  if (!device.enabled) return <Badge tone="warn">{device.connected ? "disabled" : "disabled, offline"}</Badge>;
  return device.connected ? <Badge tone="good">connected</Badge> : <Badge tone="plain">offline</Badge>;
}

export function Battery({ level, charging }: { level: number | null; charging: boolean | null }) {
  const text = level === null ? "unknown" : `${Math.round(level)} %`;
  const tone = level === null ? "" : level < 15 && !charging ? "bad" : level < 30 && !charging ? "warn" : "";
  return <span class={`battery ${tone}`} title={`Battery: ${text}${charging ? ", charging" : ""}`}>
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><rect x="2.5" y="7" width="17" height="10" rx="2" /><path d="M22 11v2" />
      {level !== null && <rect class="fill" x="4.5" y="9" width={(13 * Math.min(level, 100)) / 100} height="6" rx="0.8" />}</svg>
    {text}{charging && <Icon name="bolt" />}</span>;
}

/** Battery and signal, on one line. */
export function Power({ device }: { device: Device }) {
  return <span class="power"><Battery level={device.battery_level} charging={device.charging} /><Signal strength={device.signal_strength} /></span>;
}
