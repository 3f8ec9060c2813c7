/* Keys and sessions: who may use the gateway. */
import { useState } from "preact/hooks";
import { del, get } from "../api";
import { number } from "../format";
import { useEvery, useLoad } from "../load";
import { Ago, Badge, Button, Copyable, Empty, ErrorNote, Foreign, PageHead, Time } from "../parts/basic";
import { Confirm } from "../parts/dialog";
import { Tabs } from "../parts/field";
import { toast } from "../parts/toast";
import type { Key } from "../types";

const KINDS = { key: "API key", session: "dashboard session", link: "sign-in link" };

function Card({ of: key, onRevoke }: { of: Key; onRevoke: () => void }) {
  return <li class={`card key${key.state === "active" ? "" : " gone"}`}>
    <header><h2><Foreign text={key.label || key.key_id} /></h2><span class="row-of tight">{key.current && <Badge tone="info">this one</Badge>}
      <Badge tone={key.state === "active" ? "good" : "plain"}>{key.state}</Badge></span></header>
    <p class="muted small">{KINDS[key.kind]} · <code>{key.key_id}</code></p>
    <p class="chips">{key.scopes.map((scope) => <span class="chip">{scope}</span>)}</p>
    <dl class="facts small"><dt>Created</dt><dd><Time at={key.created_at} /></dd>
      {key.expires_at && <><dt>{key.state === "expired" ? "Expired" : "Ends"}</dt><dd><Ago at={key.expires_at} /></dd></>}
      {key.revoked_at && <><dt>Revoked</dt><dd><Time at={key.revoked_at} /></dd></>}
      {key.accepted_today !== null && <><dt>Messages today</dt><dd>{number(key.accepted_today)}{key.daily_messages ? ` of ${number(key.daily_messages)}` : ""}</dd></>}
      {key.requests_per_minute !== null && <><dt>Requests a minute</dt><dd>{key.requests_per_minute === 0 ? "no limit" : `at most ${number(key.requests_per_minute)}`}</dd></>}
      {key.ignores_opt_out && <><dt>Opt-outs</dt><dd>sends to recipients that have opted out</dd></>}</dl>
    {key.state === "active" && <div class="actions"><Button kind="danger" icon="trash" onClick={onRevoke}>Revoke</Button></div>}
  </li>;
}

export function Keys() {
  const { data, error, reload } = useLoad("keys", (signal) => get<{ keys: Key[] }>("/api/keys", { signal }));
  const [filter, setFilter] = useState<"active" | "all">("active");
  const [revoking, setRevoking] = useState<Key>();
  useEvery(reload, 30_000);
  const shown = data?.keys.filter((key) => filter === "all" || key.state === "active");
  return <>
    <PageHead title="Keys" note="Programs that may use the gateway, and the sessions of this dashboard"><Tabs label="Which keys" current={filter} onChange={setFilter} tabs={[["active", "Active"], ["all", "All"]]} /></PageHead>
    <div class="stack">
      {error && <ErrorNote error={error} retry={reload} />}
      <section class="card stack"><p>A key is made on the gateway's machine, and shown there once:</p><p><Copyable label="the command" text={`sms-gateway keys create "web shop" --scopes send,read`} /></p></section>
      {shown && shown.length > 0 && <ul class="cards">{shown.map((key) => <Card key={key.key_id} of={key} onRevoke={() => setRevoking(key)} />)}</ul>}
      {shown && shown.length === 0 && <div class="card"><Empty icon="keys" title={filter === "active" ? "No active key" : "No key yet"}>
        <p>Programs need one as soon as the gateway is open to other machines.</p></Empty></div>}
    </div>
    {revoking && <Confirm title={<>Revoke <Foreign text={revoking.label || revoking.key_id} />?</>} action="Revoke it" danger onClose={() => setRevoking(undefined)}
      run={async () => { await del(`/api/keys/${encodeURIComponent(revoking.key_id)}`); toast("It no longer works"); reload(); }}>
      <p>{revoking.current ? "This is your own session: you are signed out." : "It stops working at once, and for good. What it has sent stays."}</p></Confirm>}
  </>;
}
