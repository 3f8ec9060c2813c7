/* One message: what became of it, and what can be done about it. */
import { useState } from "preact/hooks";
import { del, get, post, Problem } from "../api";
import { duration } from "../format";
import { useEvery, useLive, useLoad } from "../load";
import { Button, Copyable, ErrorNote, Foreign, LinkButton, Note, PhoneNumber, StatusBadge, Time } from "../parts/basic";
import { Confirm, Dialog } from "../parts/dialog";
import { toast } from "../parts/toast";
import { go, href } from "../router";
import { may } from "../session";
import { isFinished, isResendable, type Message, type MessageEvent } from "../types";

interface History {
  events: MessageEvent[];
  next: string | null;
}

const REASONS: Record<string, string> = {
  created: "accepted by the gateway", claimed: "given to a device", released: "released to the device", reported: "reported by the device",
  cancel_requested: "a client asked to cancel it", nothing_sent: "nothing was sent: back to the queue", refused: "the device could not send it: back to the queue",
  connection_ended: "the connection ended", not_in_journal: "the device never got it", no_answer: "the device did not answer", broker_restarted: "the gateway restarted",
  too_long: "it is longer than the device may send", too_many_failures: "it failed too often", no_report: "the device never reported", journal_lost: "the device lost its journal",
  expired: "its time was over", restored: "a backup was restored", opted_out: "the recipient has opted out",
  content_not_supported: "its phone has no app that can send it",
};

const OPTIONS: Record<string, string> = {
  device_id: "For the device", device_group: "For the group", sim: "By SIM", priority: "Priority", send_at: "Send at", expires_at: "Until",
  delivery_report: "Delivery report", reference: "Reference", content: "Content", data_port: "Port",
};
const valueOf = (value: string | number | boolean): string => (typeof value === "boolean" ? (value ? "yes" : "no") : String(value));

function Events({ history, created }: { history: History; created: string }) {
  let before = Date.parse(created);
  return <ol class="history" aria-label="History">{history.events.map((event) => {
    const step = (Date.parse(event.at) - before) / 1000;
    before = Date.parse(event.at);
    return <li><StatusBadge status={event.status} /><div>
      <p>{REASONS[event.reason] ?? event.reason}{event.device_id && <> · <a href={href("devices", event.device_id)}>{event.device_id}</a></>}
        {event.attempt > 1 && <span class="muted"> · attempt {event.attempt}</span>}</p>
      {(event.error_message ?? event.error_code) && <p class="error"><Foreign text={[event.error_code, event.error_message].filter(Boolean).join(": ")} /></p>}</div>
      <span class="muted small history-time"><Time at={event.at} />{step > 0.0005 && <> +{duration(step)}</>}</span></li>;
  })}</ol>;
}

function Facts({ message }: { message: Message }) {
  const { options } = message;
  return <dl class="facts">
    <dt>Recipient</dt><dd>{options?.content === "encrypted" ? "encrypted by the client" : <a href={href("conversations", message.phone_number)}><PhoneNumber number={message.phone_number} /></a>}</dd>
    <dt>Created</dt><dd><Time at={message.created_at} /></dd>
    <dt>Size</dt><dd>{message.segments} {message.segments === 1 ? "segment" : "segments"}, {message.encoding}</dd>
    {message.device_id && <><dt>Device</dt><dd><a href={href("devices", message.device_id)}>{message.device_id}</a>{message.device_sim && `, SIM ${message.device_sim}`}</dd></>}
    {message.attempts > 1 && <><dt>Attempts</dt><dd>{message.attempts}</dd></>}
    {options && Object.entries(options).map(([name, value]) => <><dt>{OPTIONS[name] ?? name}</dt><dd>{/_at$/.test(name) ? <Time at={String(value)} /> : <Foreign text={valueOf(value)} />}</dd></>)}
    {message.batch_id && <><dt>Batch</dt><dd><a href={href("messages", { batch_id: message.batch_id })}>{message.batch_id}</a></dd></>}
    {message.resent_as && <><dt>Resent as</dt><dd><a href={href("messages", message.resent_as)}>{message.resent_as}</a></dd></>}
    <dt>Message id</dt><dd><Copyable text={message.message_id} label="the message id" /></dd>
    {message.request_id && <><dt>Request</dt><dd><code>{message.request_id}</code></dd></>}
  </dl>;
}

function Resend({ message, onClose, onChange }: { message: Message; onClose: () => void; onChange: () => void }) {
  const unsure = message.status === "unknown";
  // One press makes one message, however often it is sent.
  const [key] = useState(() => `dashboard-${message.message_id}-${Date.now()}`);
  const run = async () => {
    const made = await post<Message>(`/api/sms/${message.message_id}/resend`,
      { ...(unsure && { accept_duplicate: true }), ...(message.resent_as && { again: true }) }, { idempotencyKey: key });
    onChange();
    toast("Sent once more, as a new message");
    go(href("messages", made.message_id));
  };
  return <Confirm title="Send it once more?" action={unsure ? "Send it all the same" : "Send it"} danger={unsure} run={run} onClose={onClose}>
    {unsure && <p>Nobody knows whether it was sent: the recipient may get the text twice.</p>}
    {message.resent_as && <p>It was resent before.</p>}
    <p>The text goes to <PhoneNumber number={message.phone_number} /> as a new message.</p></Confirm>;
}

export function MessageDetail({ id, onClose, onChange }: { id: string; onClose: () => void; onChange: () => void }) {
  const message = useLoad(`message ${id}`, (signal) => get<Message>(`/api/sms/${encodeURIComponent(id)}`, { signal }));
  const history = useLoad(`history ${id}`, (signal) => get<History>(`/api/sms/${encodeURIComponent(id)}/events`, { signal }));
  const [asking, setAsking] = useState<"cancel" | "resend">();
  const reload = () => {
    message.reload();
    history.reload();
  };
  useLive(reload, (event) => event.data.message_id === id || event.type.startsWith("sending.") || event.type.startsWith("device."), 500);
  const data = message.data;
  useEvery(() => data?.status === "queued" && message.reload(), 5000); // why it waits changes without an event
  const cancel = async () => {
    const now = await del<Message>(`/api/sms/${id}`);
    toast(now.status === "cancelled" ? "It is cancelled" : "Its device was asked not to send it");
    reload();
    onChange();
  };
  return <Dialog drawer title="Message" onClose={onClose}>
    {message.error && (message.error instanceof Problem && message.error.status === 404 ? <Note tone="info" title="No such message"><p>It may have been deleted.</p></Note>
      : <ErrorNote error={message.error} retry={reload} />)}
    {data && <>
      <div class="row-of"><StatusBadge status={data.status} />{(data.error_message ?? data.error_code) && <span class="error"><Foreign text={[data.error_code, data.error_message].filter(Boolean).join(": ")} /></span>}</div>
      {data.waiting_for && <Note tone="warn" icon="clock" title="Why it waits"><p>{data.waiting_for.detail}</p>
        {data.waiting_for.until && <p>Until <Time at={data.waiting_for.until} /></p>}</Note>}
      {data.status === "unknown" && <Note tone="warn"><p>The device had it and never reported what happened. It is not sent again by itself, so that nobody gets it twice.</p></Note>}
      {data.message === null ? <p class="muted">The text is not shown: it was deleted, or your session lacks the scope <code>text</code>.</p>
        : <p class="bubble" tabIndex={0} role="region" aria-label="Text">{data.message}</p>}
      <div class="actions">
        {may("send") && !isFinished(data.status) && <Button key="cancel" kind="danger" icon="close" onClick={() => setAsking("cancel")}>Cancel it</Button>}
        {may("resend") && isResendable(data.status) && <Button key="resend" icon="refresh" onClick={() => setAsking("resend")}>Send once more</Button>}
        {may("send") && <LinkButton icon="reply" to={href("send", { to: data.phone_number })}>Write to this number</LinkButton>}
      </div>
      <section class="stack"><h3>History</h3>{history.error && <ErrorNote error={history.error} />}{history.data && <Events history={history.data} created={data.created_at} />}</section>
      <Facts message={data} />
    </>}
    {data && asking === "cancel" && <Confirm title="Cancel this message?" action="Cancel it" danger run={cancel} onClose={() => setAsking(undefined)}>
      <p>{data.status === "queued" || data.status === "dispatched" ? "No device was told to send it, so nothing is sent."
        : "A device has it already. It is asked not to send it; that may come too late. A basic device cannot be asked."}</p></Confirm>}
    {data && asking === "resend" && <Resend message={data} onClose={() => setAsking(undefined)} onChange={onChange} />}
  </Dialog>;
}
