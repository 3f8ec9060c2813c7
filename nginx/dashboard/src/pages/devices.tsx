/* The phones: cards, and one of them in detail. */
import { useState } from "preact/hooks";
import { del, get, patch, Problem } from "../api";
import { duration, number, several } from "../format";
import { useEvery, useLive, useLoad } from "../load";
import { Ago, Bar, Button, Empty, ErrorNote, Foreign, LinkButton, PageHead, PhoneNumber, Time } from "../parts/basic";
import { Chart } from "../parts/chart";
import { Confirm, Dialog } from "../parts/dialog";
import { Check, Field, Tabs } from "../parts/field";
import { Signal } from "../parts/icon";
import { attempt, toast } from "../parts/toast";
import { go, href, type Route } from "../router";
import { may } from "../session";
import type { Device, DeviceList, Reading, Readings } from "../types";
import { Battery, isGone, nameOf, Presence } from "./device_parts";

const about = (event: { type: string }) => /^(device|message)\./.test(event.type);

/** All pages of the list: there are few devices, and cards have no order by which a page could end. */
async function allDevices(signal: AbortSignal): Promise<Device[]> {
  const devices: Device[] = [];
  for (let next: string | undefined = "/api/devices"; next; ) {
    const list: DeviceList = await get<DeviceList>(next, { signal });
    devices.push(...list.devices);
    next = list.next;
  }
  return devices;
}

function Limit({ label, used, limit, note }: { label: string; used: number; limit: number; note?: string }) {
  return <div class="limit"><div class="limit-head"><span>{label}</span><span>{number(used)} of {number(limit)}</span></div>
    <Bar value={used} max={limit} label={label} tone={used >= limit ? "bad" : used > 0.8 * limit ? "warn" : "accent"} />
    {note && <span class="small muted">{note}</span>}</div>;
}

function LimitsOf({ device }: { device: Device }) {
  const { today, budget } = device;
  return <>
    {budget && budget.limit > 0 && <Limit label={`Segments in ${duration(budget.window_seconds)}`} used={budget.limit - budget.remaining} limit={budget.limit} />}
    {today && today.limit ? <Limit label="Segments today" used={today.segments} limit={today.limit} />
      : <p class="small muted">No daily limit</p>}
  </>;
}

function Card({ device }: { device: Device }) {
  return <li class={`card device${isGone(device) && !device.connected ? " gone" : ""}`}>
    <header><h2><a href={href("devices", device.device_id)}><Foreign text={nameOf(device)} /></a></h2><Presence device={device} /></header>
    <p class="muted small"><code>{device.device_id}</code> · {device.connected && device.connected_at ? <>connected <Ago at={device.connected_at} /></>
      : device.disconnected_at ? <>last here <Ago at={device.disconnected_at} /></> : "never connected"}</p>
    <p class="device-power"><Battery level={device.battery_level} charging={device.charging} /><Signal strength={device.signal_strength} />
      <span class="muted">{device.queue > 0 ? several(device.queue, "message") + " in flight" : "nothing in flight"}</span></p>
    {((device.sims ?? []).length > 0 || device.groups.length > 0) && <p class="chips">
      {device.sims?.map((sim) => <span class="chip">SIM {sim.slot}{sim.carrier && <>:&nbsp;<Foreign text={sim.carrier} /></>}</span>)}
      {device.groups.map((group) => <span class="chip">group {group}</span>)}</p>}
    <LimitsOf device={device} />
    {device.last_error && <p class="small device-error">Last error <Ago at={device.last_error.at} />: <Foreign text={device.last_error.message ?? device.last_error.code ?? "unknown"} /></p>}
  </li>;
}

const GAP_SECONDS = 20 * 60;

/** Between readings with nothing for so long, the line has a gap: the phone was away. */
function lineOf(rows: Reading[], valueOf: (row: Reading) => number | null): { times: number[]; values: (number | null | undefined)[] } {
  const times: number[] = [];
  const values: (number | null | undefined)[] = [];
  for (const row of rows) {
    const at = Date.parse(row.at) / 1000;
    const before = times[times.length - 1];
    if (before !== undefined && at - before > GAP_SECONDS) {
      times.push(before + 1);
      values.push(null);
    }
    times.push(at);
    values.push(valueOf(row) ?? undefined);
  }
  return { times, values };
}

function Plots({ id }: { id: string }) {
  const readings = useLoad(`readings ${id}`, (signal) => get<Readings>(`/api/devices/${id}/readings`, { signal }));
  useEvery(readings.reload, 60_000);
  const rows = readings.data?.readings ?? [];
  if (readings.error) return readings.error instanceof Problem && readings.error.status === 404 ? null : <ErrorNote error={readings.error} />;
  if (rows.length < 2) return <p class="muted small">Battery and signal of the last day appear here after the phone has told them for a while.</p>;
  const battery = lineOf(rows, (row) => row.battery_level);
  const signal = lineOf(rows, (row) => row.signal_strength);
  return <>
    {rows.some((row) => row.battery_level !== null) && <Chart label="Battery over the last day" times={battery.times} height={8} format={(v) => `${Math.round(v)} %`}
      series={[{ name: "Battery", colour: 3, values: battery.values }]} />}
    {rows.some((row) => row.signal_strength !== null) && <Chart label="Signal over the last day" times={signal.times} height={8} negative format={(v) => `${Math.round(v)}`}
      series={[{ name: rows.some((row) => (row.signal_strength ?? 0) < 0) ? "Signal in dBm" : "Signal", colour: 1, values: signal.values }]} />}
  </>;
}

type LimitChoice = "default" | "none" | "own";
const choiceOf = (value: number | null): LimitChoice => (value === null ? "default" : value === 0 ? "none" : "own");

function LimitField({ label, value, onChange }: { label: string; value: number | null; onChange: (value: number | null) => void }) {
  const choice = choiceOf(value);
  return <div class="field"><span class="legend">{label}</span>
    <Tabs label={label} current={choice} onChange={(next) => onChange(next === "default" ? null : next === "none" ? 0 : 100)}
      tabs={[["default", "As the settings say"], ["none", "No limit"], ["own", "Its own"]]} />
    {choice === "own" && <input class="plain-input" type="number" min={1} value={value ?? 0} aria-label={`${label}: its own limit`}
      onInput={(event) => onChange(Math.max(1, Number(event.currentTarget.value)))} />}
  </div>;
}

function Edit({ device, onClose }: { device: Device; onClose: (changed?: Device) => void }) {
  const [name, setName] = useState(device.name ?? "");
  const [groups, setGroups] = useState(device.groups.join(", "));
  const [enabled, setEnabled] = useState(device.enabled);
  const [daily, setDaily] = useState(device.daily_segments);
  const [window, setWindow] = useState(device.segments_per_window);
  const [error, setError] = useState<Error>();
  const of = (member: string) => (error instanceof Problem ? error.errors.find((e) => e.pointer?.startsWith("/" + member))?.detail : undefined);
  const save = async () => {
    try {
      onClose(await patch<Device>(`/api/devices/${device.device_id}`, {
        name: name.trim() || null, groups: groups.split(/[\s,]+/).filter(Boolean), enabled, daily_segments: daily, segments_per_window: window }));
    } catch (failure) {
      setError(failure as Error);
    }
  };
  return <Dialog title={<>Change <Foreign text={nameOf(device)} /></>} onClose={() => onClose()}>
    <form class="stack" onSubmit={(event) => { event.preventDefault(); void save(); }}>
      {error && !(error instanceof Problem && error.errors.length > 0) && <ErrorNote error={error} />}
      <Field label="Name" hint="For people. Empty: the name that the phone gives itself" error={of("name")}>
        <input value={name} onInput={(event) => setName(event.currentTarget.value)} /></Field>
      <Field label="Groups" hint="Labels, with commas between them. A message can be for a phone of a group" error={of("groups")}>
        <input value={groups} onInput={(event) => setGroups(event.currentTarget.value)} /></Field>
      <Check label="It may be given messages" hint="Without it, it finishes what it has and gets nothing new" checked={enabled} onChange={setEnabled} />
      <LimitField label="Segments a day" value={daily} onChange={setDaily} />
      <LimitField label="Segments in a window" value={window} onChange={setWindow} />
      {(of("daily_segments") ?? of("segments_per_window")) && <p class="error">{of("daily_segments") ?? of("segments_per_window")}</p>}
      <footer><Button onClick={() => onClose()}>Leave it</Button><Button kind="primary" type="submit">Save</Button></footer>
    </form>
  </Dialog>;
}

function Detail({ id, onChange }: { id: string; onChange: () => void }) {
  const { data: device, error, reload, set } = useLoad(`device ${id}`, (signal) => get<Device>(`/api/devices/${encodeURIComponent(id)}`, { signal }));
  const [open, setOpen] = useState<"edit" | "revoke">();
  useLive(reload, (event) => about(event));
  const close = () => go(href("devices"));
  const changed = (next?: Device) => {
    setOpen(undefined);
    if (!next) return;
    set(next);
    onChange();
  };
  const enable = (enabled: boolean) => attempt(patch<Device>(`/api/devices/${id}`, { enabled }).then(changed),
    enabled ? "It may be given messages again" : "It gets no new messages");
  return <Dialog drawer title={device ? <Foreign text={nameOf(device)} /> : id} onClose={close}>
    {error && <ErrorNote error={error} retry={reload} />}
    {device && <>
      <div class="row-of"><Presence device={device} /><Battery level={device.battery_level} charging={device.charging} /><Signal strength={device.signal_strength} /></div>
      {may("pair") && <div class="actions">
        <Button icon="edit" onClick={() => setOpen("edit")}>Change</Button>
        <Button icon={device.enabled ? "pause" : "play"} onClick={() => enable(!device.enabled)}>{device.enabled ? "Disable" : "Enable"}</Button>
        {may("send") && <LinkButton icon="send" to={href("send", { device_id: id })}>Send by it</LinkButton>}
        {device.state !== null && !isGone(device) && <Button kind="danger" icon="trash" onClick={() => setOpen("revoke")}>Revoke</Button>}
      </div>}
      <dl class="facts">
        <dt>Device id</dt><dd><code>{device.device_id}</code></dd>
        <dt>{device.connected ? "Connected" : "Last here"}</dt><dd><Time at={device.connected ? device.connected_at : device.disconnected_at} /></dd>
        {device.paired_at && <><dt>Paired</dt><dd><Time at={device.paired_at} /></dd></>}
        {device.ended_at && <><dt>Token ended</dt><dd><Time at={device.ended_at} /></dd></>}
        <dt>In flight</dt><dd><a href={href("messages", { device_id: id })}>{several(device.queue, "message")}</a></dd>
        {device.groups.length > 0 && <><dt>Groups</dt><dd>{device.groups.join(", ")}</dd></>}
        {device.android_version && <><dt>Android</dt><dd><Foreign text={device.android_version} /></dd></>}
        {device.app_version && <><dt>App</dt><dd><Foreign text={device.app_version} /></dd></>}
        {device.sims?.map((sim) => <><dt>SIM {sim.slot}</dt><dd><Foreign text={sim.carrier ?? "unknown carrier"} />{sim.number && <> · <PhoneNumber number={sim.number} /></>}</dd></>)}
        {Object.entries(device.extra ?? {}).map(([name, value]) => <><dt><Foreign text={name} /></dt><dd><Foreign text={typeof value === "string" ? value : JSON.stringify(value)} /></dd></>)}
      </dl>
      <LimitsOf device={device} />
      {device.last_error && <p class="device-error">Last error <Ago at={device.last_error.at} />: <Foreign text={device.last_error.message ?? device.last_error.code ?? "unknown"} />{" "}
        <a href={href("messages", device.last_error.message_id)}>its message</a></p>}
      <Plots id={id} />
    </>}
    {device && open === "edit" && <Edit device={device} onClose={changed} />}
    {device && open === "revoke" && <Confirm title={<>Revoke <Foreign text={nameOf(device)} />?</>} action="Revoke it" danger onClose={() => setOpen(undefined)}
      run={async () => { await del(`/api/devices/${id}`); toast("Its token no longer opens"); reload(); onChange(); }}>
      <p>Its connection is closed, and its token never opens again. Messages that it may have sent stay with it and become unknown if it never reports;
        the others go to other phones. To come back, it has to be paired again.</p></Confirm>}
  </Dialog>;
}

export function Devices({ route }: { route: Route }) {
  const { data, error, reload } = useLoad("devices", allDevices);
  const [filter, setFilter] = useState<"here" | "all">("here");
  useLive(reload, about, 2000);
  useEvery(reload, 30_000);
  const shown = data?.filter((device) => filter === "all" || device.connected || !isGone(device))
    .sort((a, b) => Number(b.connected) - Number(a.connected) || nameOf(a).localeCompare(nameOf(b)));
  const gone = data?.some((device) => isGone(device) && !device.connected);
  const id = route.path[1];
  return <>
    <PageHead title="Devices" note={data && data.length > 0 && `${number(data.filter((d) => d.connected).length)} of ${several(data.length, "phone")} connected`}>
      {gone && <Tabs label="Which phones" current={filter} onChange={setFilter} tabs={[["here", "In use"], ["all", "All"]]} />}
      <LinkButton icon="devices" to={href("simulated-phone")}>Simulated phone</LinkButton>
      {may("pair") && <LinkButton kind="primary" icon="plus" to={href("connect")}>Connect a phone</LinkButton>}
    </PageHead>
    {error && <ErrorNote error={error} retry={reload} />}
    {shown && shown.length > 0 && <ul class="cards">{shown.map((device) => <Card key={device.device_id} device={device} />)}</ul>}
    {shown && shown.length === 0 && <div class="card"><Empty icon="devices" title="No phone yet">
      <p>SMS are sent by phones. Start a simulated one to see how it works, or pair your own.</p>
      <div class="actions"><LinkButton kind="primary" to={href("simulated-phone")}>Start a simulated phone</LinkButton><LinkButton to={href("connect")}>Pair a phone</LinkButton></div>
    </Empty></div>}
    {id && <Detail key={id} id={id} onChange={reload} />}
  </>;
}
