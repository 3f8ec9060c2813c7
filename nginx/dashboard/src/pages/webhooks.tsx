/* Webhooks: which URLs are told of events, and whether they answer. */
import { useState } from "preact/hooks";
import { del, get, patch, path, post, Problem } from "../api";
import { several } from "../format";
import { useEvery, useLive, useLoad } from "../load";
import { Ago, Badge, Button, Copyable, Empty, ErrorNote, Foreign, Next, Note, PageHead, Time } from "../parts/basic";
import { Confirm, Dialog } from "../parts/dialog";
import { Check, Field, Tabs } from "../parts/field";
import { attempt, toast } from "../parts/toast";
import { go, href, type Route } from "../router";
import { may } from "../session";
import { EVENT_TYPES, type Delivery, type Webhook } from "../types";

const FAMILIES = [["message.*", "Messages"], ["inbox.*", "Received SMS"], ["device.*", "Devices"], ["batch.*", "Batches"], ["sending.*", "Pausing and resuming"], ["webhook.*", "Webhooks"]] as const;
const inFamily = (family: string) => EVENT_TYPES.filter((type) => type.startsWith(family.slice(0, -1)));

/** The gateway names each type; people choose families of them. */
function folded(types: string[]): string[] {
  if (types.includes("*")) return ["*"];
  const whole = FAMILIES.map(([family]) => family).filter((family) => inFamily(family).every((type) => types.includes(type)));
  return [...whole, ...types.filter((type) => !whole.some((family) => type.startsWith(family.slice(0, -1))))];
}

/** For people. */
const namesOf = (types: string[]): string[] =>
  folded(types).map((type) => (type === "*" ? "all events" : FAMILIES.find(([family]) => family === type)?.[1] ?? type));

const STATES = [["", "All"], ["waiting", "Waiting"], ["delivered", "Delivered"], ["given_up", "Given up"]] as const;

function Health({ of: webhook }: { of: Webhook }) {
  if (!webhook.enabled) return <Badge tone="plain">disabled</Badge>;
  if (webhook.health.failing_since) return <Badge tone="bad">does not answer</Badge>;
  return webhook.health.last_success_at ? <Badge tone="good">answers</Badge> : <Badge tone="plain">nothing sent yet</Badge>;
}

function Card({ of: webhook }: { of: Webhook }) {
  const { health } = webhook;
  return <li class={`card webhook${webhook.enabled ? "" : " gone"}`}>
    <header><h2><a href={href("webhooks", webhook.webhook_id)}><Foreign text={webhook.description || webhook.url} /></a></h2><Health of={webhook} /></header>
    <p class="cut"><code>{webhook.url}</code></p>
    <p class="chips">{namesOf(webhook.types).map((name) => <span class="chip">{name}</span>)}{webhook.device_group && <span class="chip">group {webhook.device_group}</span>}{webhook.with_text && <span class="chip">with texts</span>}</p>
    {health.failing_since && <p class="error small">Failing since <Ago at={health.failing_since} />: <Foreign text={health.last_error ?? `status ${health.last_status}`} />{health.next_try_at && <>. Next try <Next at={health.next_try_at} /></>}</p>}
    {webhook.disabled_reason && <p class="error small"><Foreign text={webhook.disabled_reason} /></p>}
    {health.last_success_at && <p class="muted small">Last answer <Ago at={health.last_success_at} /></p>}
  </li>;
}

function Edit({ webhook, onClose }: { webhook?: Webhook; onClose: (secret?: string) => void }) {
  const [url, setUrl] = useState(webhook?.url ?? "https://");
  const [description, setDescription] = useState(webhook?.description ?? "");
  const [types, setTypes] = useState<string[]>(folded(webhook?.types ?? ["*"]));
  const [withText, setWithText] = useState(webhook?.with_text ?? false);
  const [group, setGroup] = useState(webhook?.device_group ?? "");
  const [error, setError] = useState<Error>();
  const of = (member: string) => (error instanceof Problem ? error.errors.find((e) => e.pointer?.startsWith("/" + member))?.detail : undefined);
  const all = types.includes("*");
  const save = async () => {
    const body = { url: url.trim(), description: description.trim() || null, types, with_text: withText, device_group: group.trim() || null };
    try {
      if (!webhook) onClose((await post<{ secret: string }>("/api/webhooks", body)).secret);
      else {
        await patch(`/api/webhooks/${webhook.webhook_id}`, body);
        onClose();
      }
    } catch (failure) {
      setError(failure as Error);
    }
  };
  const toggle = (type: string, on: boolean) => setTypes((old) => (on ? [...old, type] : old.filter((t) => t !== type)));
  return <Dialog title={webhook ? "Change the webhook" : "New webhook"} onClose={() => onClose()}><form class="stack" onSubmit={(event) => { event.preventDefault(); void save(); }}>
    <Field label="URL" hint="https, and a host that the gateway may reach" error={of("url")}><input type="url" value={url} onInput={(event) => setUrl(event.currentTarget.value)} /></Field>
    <Field label="Description" hint="For people" error={of("description")}><input value={description} maxLength={256} onInput={(event) => setDescription(event.currentTarget.value)} /></Field>
    <fieldset class="fieldset"><legend class="legend">Events</legend><Check label="All of them" checked={all} onChange={(on) => setTypes(on ? ["*"] : ["message.*"])} />
      {!all && FAMILIES.map(([type, name]) => <Check label={name} checked={types.includes(type)} onChange={(on) => toggle(type, on)} />)}
      {!all && types.some((type) => !FAMILIES.some(([family]) => family === type)) && <p class="hint">and {types.filter((type) => !FAMILIES.some(([family]) => family === type)).join(", ")}</p>}
      {of("types") && <p class="error">{of("types")}</p>}</fieldset>
    <Field label="Group" hint="Only events of the phones in this group. Empty: of all" error={of("device_group")}><input value={group} onInput={(event) => setGroup(event.currentTarget.value)} /></Field>
    {may("text") && <Check label="With the texts of SMS" hint="They may contain login codes" checked={withText} onChange={setWithText} />}
    {error && !(error instanceof Problem && error.errors.length > 0) && <ErrorNote error={error} />}
    <footer><Button onClick={() => onClose()}>Leave it</Button><Button kind="primary" type="submit" disabled={types.length === 0}>{webhook ? "Save" : "Create"}</Button></footer></form></Dialog>;
}

function Deliveries({ id }: { id: string }) {
  const [state, setState] = useState<(typeof STATES)[number][0]>("");
  const { data, error, reload } = useLoad(`deliveries ${id} ${state}`, (signal) => get<{ deliveries: Delivery[] }>(path(`/api/webhooks/${id}/deliveries`, { state, limit: 100 }), { signal }));
  useLive(reload, () => true, 2000);
  useEvery(reload, 5000); // tries are no events
  const again = (event_id: number) => attempt(post(`/api/webhooks/${id}/redeliver`, { event_id }).then(reload), "It is sent again");
  return <section class="stack"><div class="row-of spread"><h3>Deliveries</h3><Tabs label="Which deliveries" current={state} onChange={setState} tabs={STATES} /></div>
    {error && <ErrorNote error={error} />}
    {data?.deliveries.length === 0 && <p class="muted">None.</p>}
    {data && data.deliveries.length > 0 && <ul class="deliveries">{data.deliveries.map((one) => <li><div class="row-of spread"><span><code>{one.type}</code> {one.message_id && <a class="small" href={href("messages", one.message_id)}>message</a>}</span>
      <Badge tone={one.state === "delivered" ? "good" : one.state === "waiting" ? "warn" : "bad"}>{one.state.replace("_", " ")}</Badge></div>
      <div class="row-of spread small muted"><span><Time at={one.timestamp} /> · {several(one.tries, "try", "tries")}{one.last_status && ` · status ${one.last_status}`}{one.last_error && <> · <Foreign text={one.last_error} /></>}
        {one.next_try_at && <> · next <Next at={one.next_try_at} /></>}</span><button type="button" class="link" onClick={() => void again(one.event_id)}>Send again</button></div></li>)}</ul>}
  </section>;
}

function Secret({ secret, onClose }: { secret: string; onClose: () => void }) {
  return <Dialog title="The secret of the webhook" onClose={onClose}><Note tone="warn" title="It is shown once"><p>Give it to your program: with it, it verifies that a call comes from this gateway.</p></Note>
    <p><Copyable text={secret} label="the secret" /></p><footer><Button kind="primary" onClick={onClose}>I have it</Button></footer></Dialog>;
}

function Detail({ id, onChange, onSecret }: { id: string; onChange: () => void; onSecret: (secret: string) => void }) {
  const { data: webhook, error, reload } = useLoad(`webhook ${id}`, (signal) => get<Webhook>(`/api/webhooks/${encodeURIComponent(id)}`, { signal }));
  const [open, setOpen] = useState<"edit" | "delete" | "secret">();
  useEvery(reload, 5000);
  const changed = () => { setOpen(undefined); reload(); onChange(); };
  return <Dialog drawer title={webhook ? <Foreign text={webhook.description || webhook.url} /> : "Webhook"} onClose={() => go(href("webhooks"))}>
    {error && <ErrorNote error={error} />}
    {webhook && <><div class="row-of"><Health of={webhook} /><code>{webhook.url}</code></div>
      <div class="actions"><Button icon="send" onClick={() => attempt(post(`/api/webhooks/${id}/test`), "A test event is on its way")} disabled={!webhook.enabled}>Test</Button>
        <Button icon="edit" onClick={() => setOpen("edit")}>Change</Button>
        <Button icon={webhook.enabled ? "pause" : "play"} onClick={() => attempt(patch(`/api/webhooks/${id}`, { enabled: !webhook.enabled }).then(changed), webhook.enabled ? "Events wait" : "Events are sent again")}>{webhook.enabled ? "Disable" : "Enable"}</Button>
        <Button icon="keys" onClick={() => setOpen("secret")}>New secret</Button><Button kind="danger" icon="trash" onClick={() => setOpen("delete")}>Delete</Button></div>
      <Deliveries id={id} />
      <dl class="facts"><dt>Events</dt><dd>{namesOf(webhook.types).join(", ")}</dd>{webhook.device_group && <><dt>Group</dt><dd>{webhook.device_group}</dd></>}<dt>Texts</dt><dd>{webhook.with_text ? "with texts" : "without texts"}</dd>
        <dt>Created</dt><dd><Time at={webhook.created_at} /></dd><dt>Webhook id</dt><dd><code>{webhook.webhook_id}</code></dd></dl></>}
    {webhook && open === "edit" && <Edit webhook={webhook} onClose={changed} />}
    {open === "secret" && <Confirm title="Make a new secret?" action="Make it" run={async () => onSecret((await post<{ secret: string }>(`/api/webhooks/${id}/secret`)).secret)} onClose={() => setOpen(undefined)}>
      <p>For 24 hours calls are signed with both, so that your program can change over.</p></Confirm>}
    {open === "delete" && <Confirm title="Delete this webhook?" action="Delete it" danger onClose={() => setOpen(undefined)} run={async () => { await del(`/api/webhooks/${id}`); onChange(); toast("It is deleted"); go(href("webhooks")); }}>
      <p>Its URL is told nothing any more, and events that wait for it are dropped.</p></Confirm>}
  </Dialog>;
}

export function Webhooks({ route }: { route: Route }) {
  const { data, error, reload } = useLoad("webhooks", (signal) => get<{ webhooks: Webhook[] }>("/api/webhooks", { signal }));
  const [making, setMaking] = useState(false);
  const [secret, setSecret] = useState<string>();
  useLive(reload, (event) => event.type.startsWith("webhook."), 1000);
  useEvery(reload, 15_000);
  const id = route.path[1];
  const made = (text?: string) => { setMaking(false); setSecret(text); reload(); };
  return <>
    <PageHead title="Webhooks" note="URLs of yours that the gateway calls at each event"><Button kind="primary" icon="plus" onClick={() => setMaking(true)}>New webhook</Button></PageHead>
    {error && <ErrorNote error={error} retry={reload} />}
    {data && data.webhooks.length === 0 && <div class="card"><Empty icon="webhooks" title="No webhook yet"><p>With one, your program is told when a message is delivered or an SMS comes in, and need not ask.</p></Empty></div>}
    {data && data.webhooks.length > 0 && <ul class="cards">{data.webhooks.map((webhook) => <Card key={webhook.webhook_id} of={webhook} />)}</ul>}
    {id && <Detail key={id} id={id} onChange={reload} onSecret={setSecret} />}
    {making && <Edit onClose={made} />}
    {secret && <Secret secret={secret} onClose={() => setSecret(undefined)} />}
  </>;
}
