/* What became of what was just sent, live. */
import { get } from "../api";
import { number, several } from "../format";
import { useEvery, useLive, useLoad } from "../load";
import { Bar, ErrorNote, Foreign, LinkButton, PhoneNumber, StatusBadge, Time } from "../parts/basic";
import { href } from "../router";
import { isFinished, STATUSES, type Message, type Status } from "../types";

interface Batch {
  batch_id: string;
  count: number;
  statuses: Record<Status, number>;
  finished: boolean;
}

export function SentMessage({ id }: { id: string }) {
  const { data, error, reload } = useLoad(`sent ${id}`, (signal) => get<Message>(`/api/sms/${id}`, { signal }));
  useLive(reload, (event) => event.data.message_id === id, 300);
  useEvery(() => data && !isFinished(data.status) && reload(), 5000);
  if (error) return <ErrorNote error={error} />;
  if (!data) return null;
  return <li class="sent-line"><div class="row-of"><StatusBadge status={data.status} detail={data.waiting_for?.detail} /><PhoneNumber number={data.phone_number} />
      <span class="muted small"><Time at={data.created_at} /> · {several(data.segments, "segment")}</span><a href={href("messages", id)}>Details</a></div>
    {data.message !== null && <p class="cut muted"><Foreign text={data.message.slice(0, 300)} /></p>}
    {data.waiting_for && <p class="small">It waits: {data.waiting_for.detail}{data.waiting_for.until && <> Until <Time at={data.waiting_for.until} />.</>}
      {["no_device", "device_offline"].includes(data.waiting_for.reason) && <> <a href={href("connect")}>Connect a phone</a></>}</p>}
  </li>;
}

export function SentBatch({ id }: { id: string }) {
  const { data, error, reload } = useLoad(`batch ${id}`, (signal) => get<Batch>(`/api/batches/${id}`, { signal }));
  useLive(reload, (event) => event.data.batch_id === id, 1000);
  if (error) return <ErrorNote error={error} />;
  if (!data) return null;
  const done = data.count - data.statuses.queued - data.statuses.dispatched - data.statuses.accepted - data.statuses.sending;
  return <li class="sent-line"><div class="row-of"><strong>{several(data.count, "message")}</strong>{STATUSES.filter((status) => data.statuses[status] > 0).map((status) =>
      <span class="row-of tight"><StatusBadge status={status} /> {number(data.statuses[status])}</span>)}</div>
    <Bar value={done} max={data.count} label={`${number(done)} of ${number(data.count)} are finished`} />
    <p><LinkButton kind="quiet" to={href("messages", { batch_id: id })}>Its messages</LinkButton></p></li>;
}
