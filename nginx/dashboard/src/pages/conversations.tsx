/* What was written to and by one number, in both directions. */
import { useEffect, useRef, useState } from "preact/hooks";
import { get, path, post } from "../api";
import { useLive, useLoad } from "../load";
import { Button, Empty, ErrorNote, Foreign, LinkButton, PageHead, PhoneNumber, StatusBadge, Time } from "../parts/basic";
import { SegmentCount } from "../parts/composer";
import { Icon } from "../parts/icon";
import { href, type Route } from "../router";
import { may } from "../session";
import type { Conversation, Incoming, Message, MessagePage } from "../types";
import { newKey } from "./send";

interface ConversationPage {
  conversations: Conversation[];
  next: string | null;
}
interface IncomingPage {
  incoming: Incoming[];
  next: string | null;
}
interface Line {
  id: string;
  direction: "in" | "out";
  text: string | null;
  at: string;
  message?: Message;
  device_id: string | null;
}

const about = (event: { type: string }) => /^(message|inbox)\./.test(event.type);
const E164 = /^\+[1-9][0-9]{6,14}$/;

/** A page may be short though there are more: follow it until there is something to show. */
async function firstConversations(signal: AbortSignal, from = "/api/conversations?limit=100"): Promise<ConversationPage> {
  let page = await get<ConversationPage>(from, { signal });
  const found = [...page.conversations];
  for (let more = 0; page.next && found.length < 50 && more < 10; more++) {
    page = await get<ConversationPage>(page.next, { signal });
    found.push(...page.conversations);
  }
  return { conversations: found, next: page.next };
}

async function linesOf(number: string, signal: AbortSignal): Promise<Line[]> {
  const [sent, received] = await Promise.all([
    E164.test(number) ? get<MessagePage>(path("/api/sms", { phone_number: number, limit: 100 }), { signal }) : { messages: [] },
    get<IncomingPage>(path("/api/inbox", { from: number, limit: 100 }), { signal }),
  ]);
  const lines: Line[] = [
    ...sent.messages.map((message): Line => ({ id: message.message_id, direction: "out", text: message.message, at: message.created_at, message, device_id: message.device_id })),
    ...received.incoming.map((sms): Line => ({ id: sms.incoming_id, direction: "in", text: sms.message, at: sms.stored_at, device_id: sms.device_id })),
  ];
  return lines.sort((a, b) => a.at.localeCompare(b.at));
}

function Reply({ number, onSent }: { number: string; onSent: () => void }) {
  const [text, setText] = useState("");
  const [key, setKey] = useState(newKey);
  const [error, setError] = useState<Error>();
  const [busy, setBusy] = useState(false);
  const send = async () => {
    if (!text || busy) return;
    setBusy(true);
    setError(undefined);
    try {
      await post("/api/send-sms", { phone_number: number, message: text }, { idempotencyKey: key });
      setText("");
      setKey(newKey());
      onSent();
    } catch (failure) {
      setError(failure as Error);
    } finally {
      setBusy(false);
    }
  };
  if (!E164.test(number)) return <p class="muted small">This sender has no number that can be written to.</p>;
  return <form class="reply" onSubmit={(event) => { event.preventDefault(); void send(); }}>
    {error && <ErrorNote error={error} />}
    <div class="reply-line"><textarea class="plain-input" rows={2} dir="auto" aria-label="Answer" placeholder="Write an answer" value={text}
      onInput={(event) => { setText(event.currentTarget.value); setKey(newKey()); }}
      onKeyDown={(event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); void send(); } }} />
      <Button kind="primary" icon="send" type="submit" disabled={!text || busy}>Send</Button></div>
    {text && <SegmentCount text={text} />}
  </form>;
}

function Thread({ number }: { number: string }) {
  const { data, error, reload } = useLoad(`thread ${number}`, (signal) => linesOf(number, signal));
  const list = useRef<HTMLOListElement>(null);
  useLive(reload, (event) => about(event) && (event.data.phone_number === number || event.data.from === number), 300);
  useEffect(() => {
    if (list.current) list.current.scrollTop = list.current.scrollHeight;
  }, [data?.length]);
  return <section class="thread card" aria-labelledby="thread">
    <header><a class="icon-button thread-back" href={href("conversations")} aria-label="All conversations"><Icon name="incoming" /></a><h2 id="thread"><PhoneNumber number={number} /></h2>
      <a href={href("messages", { phone_number: number })}>Its messages</a></header>
    {error && <ErrorNote error={error} retry={reload} />}
    {!data && !error && <p class="loading">Loading …</p>}
    {data && data.length > 0 && <ol class="thread-lines" ref={list} tabIndex={0} aria-label="Messages, oldest first">{data.map((line) => <li key={line.id} class={`sms ${line.direction}`}>
      <p class="sms-text">{line.text === null ? <span class="muted">text not shown</span> : <Foreign text={line.text} />}</p>
      <span class="small muted row-of tight">{line.message ? <a href={href("messages", line.id)}><StatusBadge status={line.message.status} detail={line.message.waiting_for?.detail} /></a> : null}
        <Time at={line.at} />{line.direction === "in" && line.device_id && <> by {line.device_id}</>}</span></li>)}</ol>}
    {data?.length === 0 && <Empty icon="messages" title="Nothing yet"><p>Nothing was sent to this number, or received from it.</p></Empty>}
    {may("send") && <Reply number={number} onSent={reload} />}
  </section>;
}

export function Conversations({ route }: { route: Route }) {
  const { data, error, reload } = useLoad("conversations", (signal) => firstConversations(signal));
  useLive(reload, about, 1500);
  const [search, setSearch] = useState("");
  const [more, setMore] = useState<ConversationPage>();
  const number = route.path[1];
  const all = [...(data?.conversations ?? []), ...(more?.conversations.filter((c) => !data?.conversations.some((d) => d.phone_number === c.phone_number)) ?? [])];
  const [name, digits] = [search.trim().toLowerCase(), search.replace(/[\s().\/-]/g, "")]; // a sender may be "My Bank"
  const shown = all.filter((one) => one.phone_number.toLowerCase().includes(name) || (digits !== "" && one.phone_number.includes(digits)));
  const next = more ? more.next : data?.next;
  return <>
    <PageHead title="Conversations" note="By number, both directions, newest first">{may("send") && <LinkButton icon="send" kind="primary" to={href("send")}>Send an SMS</LinkButton>}</PageHead>
    {error && <ErrorNote error={error} retry={reload} />}
    {data && all.length === 0 && !number && <div class="card"><Empty icon="conversations" title="No conversations yet"><p>What is sent and what phones receive appears here, by number. To try it, answer an SMS on the simulated phone.</p>
      <LinkButton to={href("simulated-phone")}>Open the simulated phone</LinkButton></Empty></div>}
    {(all.length > 0 || number) && <div class={`conversations${number ? " one" : ""}`}>
      <section class="card flush people" aria-label="Numbers">
        <div class="people-search"><input class="plain-input" type="search" aria-label="Find a number" placeholder="Find a number" value={search} onInput={(event) => setSearch(event.currentTarget.value)} /></div>
        <ul class="lines">{shown.map((one) => <li key={one.phone_number}><a href={href("conversations", one.phone_number)} aria-current={one.phone_number === number ? "true" : undefined}>
          <span class="lines-main"><span class="row-of spread"><PhoneNumber number={one.phone_number} /><span class="muted small"><Time at={one.at} /></span></span>
            <span class="muted cut">{one.direction === "out" && "You: "}{one.text === null ? "text not shown" : <Foreign text={one.text.slice(0, 160)} />}</span></span></a></li>)}</ul>
        {next && <p class="table-foot"><Button onClick={async () => {
          const page = await firstConversations(new AbortController().signal, next);
          setMore((old) => ({ conversations: [...(old?.conversations ?? []), ...page.conversations], next: page.next }));
        }}>More</Button></p>}
      </section>
      {number ? <Thread key={number} number={number} /> : <div class="card thread-none"><Empty icon="conversations" title="Choose a number" /></div>}
    </div>}
  </>;
}
