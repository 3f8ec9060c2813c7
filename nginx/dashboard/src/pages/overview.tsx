/* The first page: how it goes, now. */
import { useMemo } from "preact/hooks";
import { get } from "../api";
import { duration, number, several } from "../format";
import { useEvery, useLive, useLoad } from "../load";
import { Ago, Bar, Button, Empty, ErrorNote, Foreign, LinkButton, Note, PageHead, PhoneNumber, StatusBadge, Time, WithCode } from "../parts/basic";
import { Chart } from "../parts/chart";
import { Icon, type IconName } from "../parts/icon";
import { href } from "../router";
import { may } from "../session";
import { attempt } from "../parts/toast";
import { resumeSending } from "../sending";
import type { DeviceList, MessagePage, Overview as OverviewData, Quantiles, Statistics, Status } from "../types";
import { Presence, Power, nameOf } from "./device_parts";

const IN_FLIGHT: Status[] = ["dispatched", "accepted", "sending"];
const REFRESH_MS = 15_000; // what no event tells: time itself
const REASONS: Record<string, string> = {
  no_device: "No phone is paired", device_offline: "No phone is connected", device_disabled: "Phones are disabled", sim_missing: "No phone has that SIM",
  device_busy: "Phones are busy", device_budget: "Phones have reached their limits", battery: "Batteries are low", scheduled: "Scheduled for later",
  retry_backoff: "Tried again soon", paused: "Sending is paused",
};

/** Where a reason can be helped. */
function cureOf(reason: string): { to: string; text: string } | undefined {
  if (reason === "no_device") return { to: href("connect"), text: "Connect a phone" };
  if (reason === "paused" || reason === "device_budget") return { to: href("limits"), text: "See the limits" };
  if (["device_offline", "device_disabled", "sim_missing", "battery"].includes(reason)) return { to: href("devices"), text: "See the phones" };
  return undefined;
}

function FirstSteps({ data }: { data: OverviewData }) {
  const messages = Object.values(data.messages).reduce((sum, count) => sum + count, 0);
  const devices = data.devices?.any ? 1 : 0;
  if (messages > 0 && devices > 0) return null;
  return <section class="card first-steps" aria-labelledby="first-steps">
    <header><h2 id="first-steps">Send your first SMS</h2></header>
    <ol>
      <li class={devices > 0 ? "done" : ""}><div><h3>Connect a phone</h3>
        <p class="muted">A simulated one shows how all this works, and sends nothing for real. Or pair your own.</p></div>
        {devices === 0 && <div class="actions"><LinkButton kind="primary" to={href("simulated-phone")}>Start a simulated phone</LinkButton>
          <LinkButton to={href("connect")}>Pair a phone</LinkButton></div>}</li>
      <li class={messages > 0 ? "done" : ""}><div><h3>Send an SMS</h3>
        <p class="muted">Its status changes here as the phone sends it, and as it is delivered.</p></div>
        {messages === 0 && <div class="actions"><LinkButton kind={devices > 0 ? "primary" : "plain"} to={href("send")}>Write an SMS</LinkButton></div>}</li>
      <li><div><h3>Let your program send</h3><p class="muted">One POST a message. Try it in the browser, or copy an example.</p></div>
        <div class="actions"><a class="button plain" href="/docs">Open the REST API</a></div></li>
    </ol>
  </section>;
}

function Tile({ to, icon, label, value, note, tone, children }:
  { to: string; icon: IconName; label: string; value: string; note?: string; tone?: string; children?: preact.ComponentChildren }) {
  return <a class={`card tile ${tone ?? ""}`} href={to}>
    <span class="tile-label"><Icon name={icon} />{label}</span>
    <span class="tile-value">{value}</span>
    {children}
    <span class="small muted">{note}</span>
  </a>;
}

function Tiles({ data }: { data: OverviewData }) {
  const { messages, today, devices } = data;
  const inFlight = IN_FLIGHT.reduce((sum, status) => sum + messages[status], 0);
  const lost = messages.failed + messages.unknown;
  return <div class="tiles">
    <Tile to={href("messages", { status: "queued" })} icon="clock" label="Queued" value={number(messages.queued)}
      note={data.oldest_queued_at ? `the oldest for ${duration((Date.parse(data.at) - Date.parse(data.oldest_queued_at)) / 1000)}` : messages.queued > 0 ? "not yet due" : "nothing waits"} />
    <Tile to={href("messages")} icon="send" label="On their way" value={number(inFlight)} note="phones are sending them" />
    <Tile to={href("messages", { status: "delivered" })} icon="check" label="Delivered" value={number(messages.delivered)}
      note={`${number(messages.sent)} more sent, not yet reported`} />
    <Tile to={href("messages", { status: "failed" })} icon="alert" label="Failed" value={number(lost)} tone={lost > 0 ? "bad" : ""}
      note={`${number(messages.failed)} failed, ${number(messages.unknown)} unknown`} />
    {devices && <Tile to={href("devices")} icon="devices" label="Connected" value={number(devices.connected)}
      tone={devices.any && devices.connected === 0 ? "bad" : ""}
      note={[devices.offline && `${several(devices.offline, "phone")} offline`, devices.disabled && `${devices.disabled} disabled`, devices.battery_low && `${devices.battery_low} low on battery`].filter(Boolean).join(", ") || (devices.any ? "phones, none offline" : "no phone yet")} />}
    <Tile to={href("limits")} icon="limits" label="Today" value={today.accepted === null ? "–" : number(today.accepted)}
      note={today.limit ? `accepted, of ${number(today.limit)} a day` : today.accepted === null ? "not counted: no daily limit" : "accepted"}>
      {today.limit && today.accepted !== null && <Bar value={today.accepted} max={today.limit} label="Accepted today, of the daily limit"
        tone={today.accepted >= today.limit ? "bad" : today.accepted > 0.8 * today.limit ? "warn" : "accent"} />}
    </Tile>
  </div>;
}

function Alerts({ data, reload }: { data: OverviewData; reload: () => void }) {
  if (data.alerts.length === 0) return null;
  return <section class="stack" aria-label="What needs attention">
    {data.alerts.map((alert) => <Note tone={alert.severity === "error" ? "bad" : alert.severity === "warning" ? "warn" : "info"} title={<bdi>{alert.detail}</bdi>}>
      <p><bdi><WithCode text={alert.cure} /></bdi></p>
      {alert.code === "sending_paused" && may("sending") &&
        <Button icon="play" onClick={async () => { await attempt(resumeSending(), "Sending goes on"); reload(); }}>Resume sending</Button>}
    </Note>)}
  </section>;
}

function Waits({ data }: { data: OverviewData }) {
  return <section class="card" aria-labelledby="waits"><header><h2 id="waits">Why messages wait</h2>{data.waiting.length > 0 && <a href="/docs/troubleshooting.html#a-message-stays-queued">What to do</a>}</header>
    {data.waiting.length === 0 ? <p class="muted">No message waits.</p> : <ul class="waits">
      {data.waiting.map((wait) => {
        const cure = cureOf(wait.reason);
        return <li><span class="waits-count">{number(wait.count)}</span><div><strong>{REASONS[wait.reason] ?? wait.reason}</strong>
          <p class="muted small">{wait.detail}</p></div>{cure && <a href={cure.to}>{cure.text}</a>}</li>;
      })}</ul>}
  </section>;
}

function Times({ label, of }: { label: string; of: Quantiles }) {
  return <div class="times"><h3>{label}</h3>
    {of.count === 0 ? <p class="muted small">Nothing was measured in the last hour</p> : <dl>
      {(["p50", "p90", "p99"] as const).map((name) => <div><dt>{{ p50: "50 %", p90: "90 %", p99: "99 %" }[name]}</dt>
        <dd>{duration(of[name] ?? 0)}</dd></div>)}</dl>}</div>;
}

function Plots({ statistics }: { statistics: Statistics }) {
  const { minutes } = statistics;
  const times = useMemo(() => minutes.map((minute) => Date.parse(minute.at) / 1000), [minutes]);
  const series = useMemo(() => ([["Accepted", "accepted"], ["Sent", "sent"], ["Delivered", "delivered"], ["Failed", "failed"], ["Received", "received"]] as const)
    .map(([name, member], i) => ({ name, colour: i + 1, values: minutes.map((minute) => minute[member]) })), [minutes]);
  const sum = (member: "accepted" | "delivered") => minutes.reduce((total, minute) => total + minute[member], 0);
  return <section class="card" aria-labelledby="per-minute"><header><h2 id="per-minute">Messages per minute</h2>
    <span class="muted small">last hour{minutes.some((minute) => minute.estimated) && ", partly estimated"}</span></header>
    <Chart times={times} series={series} whole
      label={`In the last hour ${several(sum("accepted"), "message")} accepted and ${number(sum("delivered"))} delivered.`} />
  </section>;
}

function DeliveryTimes({ statistics, messages }: { statistics: Statistics; messages?: MessagePage }) {
  const points = useMemo(() => (messages?.messages ?? []).flatMap(({ times }) => {
    const end = times.delivered ?? times.sent;
    return times.queued && end ? [[Date.parse(end) / 1000, Math.max(0.01, (Date.parse(end) - Date.parse(times.queued)) / 1000)] as const] : [];
  }).sort((a, b) => a[0] - b[0]), [messages]);
  const times = useMemo(() => points.map(([at]) => at), [points]);
  const series = useMemo(() => [{ name: "Time until delivered, or sent, of each of the newest messages", colour: 1, dots: true, values: points.map(([, seconds]) => seconds) }], [points]);
  return <section class="card" aria-labelledby="delivery-time"><header><h2 id="delivery-time">Delivery time</h2><span class="muted small">last hour</span></header>
    <div class="times-row"><Times label="Sent within" of={statistics.queued_to_sent_seconds} /><Times label="Then delivered within" of={statistics.sent_to_delivered_seconds} /></div>
    {points.length > 1 && <Chart times={times} series={series} logarithmic height={9} format={duration} label={`The delivery times of the newest ${points.length} messages.`} />}
  </section>;
}

function Newest({ page }: { page?: MessagePage }) {
  return <section class="card flush" aria-labelledby="newest"><header><h2 id="newest">Newest messages</h2><a href={href("messages")}>All messages</a></header>
    {!page || page.messages.length === 0 ? <Empty icon="messages" title="No messages yet"><p>What you send appears here.</p></Empty> :
      <ul class="lines">{page.messages.slice(0, 8).map((message) => <li><a href={href("messages", message.message_id)}>
        <span class="lines-main"><PhoneNumber number={message.phone_number} />
          <span class="muted cut">{message.message === null ? "text not shown" : <Foreign text={message.message.slice(0, 200)} />}</span></span>
        <StatusBadge status={message.status} detail={message.waiting_for?.detail} /><span class="muted small"><Time at={message.created_at} /></span></a></li>)}</ul>}
  </section>;
}

function Phones({ list }: { list: DeviceList }) {
  const devices = [...list.devices].filter((device) => device.state !== "revoked" && device.state !== "replaced")
    .sort((a, b) => Number(b.connected) - Number(a.connected)).slice(0, 8);
  return <section class="card flush" aria-labelledby="phones"><header><h2 id="phones">Phones</h2><a href={href("devices")}>All phones</a></header>
    {devices.length === 0 ? <Empty icon="devices" title="No phone yet"><LinkButton to={href("connect")}>Connect a phone</LinkButton></Empty> :
      <ul class="lines">{devices.map((device) => <li><a href={href("devices", device.device_id)}>
        <span class="lines-main"><Foreign text={nameOf(device)} /><span class="muted small">{device.queue > 0 ? `${several(device.queue, "message")} in flight` :
          device.connected ? "ready" : device.disconnected_at ? <>last here <Ago at={device.disconnected_at} /></> : "never connected"}</span></span>
        <Power device={device} /><Presence device={device} /></a></li>)}</ul>}
  </section>;
}

export function Overview() {
  const overview = useLoad("overview", (signal) => get<OverviewData>("/api/overview", { signal }));
  const statistics = useLoad("statistics", (signal) => get<Statistics>("/api/statistics?minutes=60", { signal }));
  const messages = useLoad("newest", (signal) => get<MessagePage>("/api/sms?limit=100", { signal }));
  const devices = useLoad(may("devices") ? "devices" : null, (signal) => get<DeviceList>("/api/devices", { signal }));
  const all = [overview, statistics, messages, devices];
  const reload = () => all.forEach((one) => one.reload());
  useLive(reload, () => true, 2000);
  useEvery(reload, REFRESH_MS);
  const data = overview.data;
  return <>
    <PageHead title="Overview">
      {may("send") && <LinkButton kind="primary" icon="send" to={href("send")}>Send an SMS</LinkButton>}
    </PageHead>
    <div class="stack">
      {overview.error && <ErrorNote error={overview.error} retry={reload} />}
      {data && <><FirstSteps data={data} /><Alerts data={data} reload={reload} /><Tiles data={data} /></>}
      <div class="columns">
        {statistics.data && <Plots statistics={statistics.data} />}
        {statistics.data && <DeliveryTimes statistics={statistics.data} messages={messages.data} />}
      </div>
      <div class="columns">
        <Newest page={messages.data} />
        <div class="stack">{data && <Waits data={data} />}{devices.data && <Phones list={devices.data} />}</div>
      </div>
      {!data && !overview.error && <p class="loading">Loading …</p>}
    </div>
  </>;
}
