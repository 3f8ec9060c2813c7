/* The simulated phone of this browser: its screen, and what can be tried with it. */
import { useEffect, useRef, useState } from "preact/hooks";
import { Badge, Button, Foreign, LinkButton, Note, PageHead, PhoneNumber, Time } from "../parts/basic";
import { Field, Tabs } from "../parts/field";
import { Icon } from "../parts/icon";
import { href } from "../router";
import { phone, receive, setBehaviour, setInfo, switchOff, switchOn, type Behaviour, type PhoneSms, type PhoneState } from "../simulated_phone/phone";
import { useStore } from "../store";

const BEHAVIOURS: readonly (readonly [Behaviour, string])[] = [
  ["deliver", "Delivers"], ["send", "Sends only"], ["fail", "Has no network"], ["silent", "Says nothing"],
];
const MEANINGS: Record<Behaviour, string> = {
  deliver: "Each SMS is reported as sent, and then as delivered.",
  send: "Each SMS is reported as sent. The recipient's phone never confirms it.",
  fail: "No SMS can be sent: the phone reports no_service, and the gateway tries again later or another phone.",
  silent: "The phone takes the SMS and reports nothing. After two minutes without a report it may be given others.",
};
const ANSWERS = ["Yes, thank you!", "Who is this?", "STOP"];

function Bubble({ sms, onReply }: { sms: PhoneSms; onReply: () => void }) {
  return <li class={`sms ${sms.direction}`}>
    <span class="small muted"><PhoneNumber number={sms.number} /> · <Time at={new Date(sms.at).toISOString()} /></span>
    <p class="sms-text"><Foreign text={sms.text} /></p>
    <span class="small muted">{sms.direction === "out" ? sms.status : sms.status === "stored" ? "the gateway has it" : "not yet passed on"}
      {sms.direction === "out" && <button type="button" class="link" onClick={onReply}>Answer it</button>}</span>
  </li>;
}

function Screen({ state }: { state: PhoneState }) {
  const [to, setTo] = useState("");
  const [text, setText] = useState("");
  const list = useRef<HTMLOListElement>(null);
  const answer = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (list.current) list.current.scrollTop = list.current.scrollHeight;
  }, [state.sms.length]);
  const last = [...state.sms].reverse().find((sms) => sms.direction === "out");
  const from = to || last?.number || "";
  const send = (what: string) => {
    if (!from || !what) return;
    receive(from, what);
    setText("");
  };
  return <section class="phone" aria-label="Screen of the simulated phone">
    <header><span>{state.connection === "connected" ? "SMS gateway" : "No connection"}</span><span>{state.battery} %</span></header>
    {state.sms.length === 0 ? <div class="phone-empty"><Icon name="messages" /><p>{state.connection === "connected" ? "It waits for SMS to send." : "It is off."}</p>
      {state.connection === "connected" && <LinkButton kind="primary" icon="send" to={href("send")}>Send an SMS</LinkButton>}</div>
      : <ol class="phone-list" ref={list} tabIndex={0} aria-label="SMS of the simulated phone">{state.sms.map((sms) => <Bubble key={sms.id} sms={sms} onReply={() => { setTo(sms.number); answer.current?.focus(); }} />)}</ol>}
    <form onSubmit={(event) => { event.preventDefault(); send(text); }}>
      <Field label="The phone receives an SMS from"><input value={from} placeholder="+4915112345678" onInput={(event) => setTo(event.currentTarget.value)} /></Field>
      <div class="quick">{ANSWERS.map((words) => <button type="button" class="chip" disabled={!from || state.connection !== "connected"} onClick={() => send(words)}>{words}</button>)}</div>
      <div class="phone-answer"><input ref={answer} class="plain-input" aria-label="Its text" placeholder="An answer" value={text} onInput={(event) => setText(event.currentTarget.value)} />
        <Button type="submit" kind="primary" icon="reply" label="Receive it" disabled={!from || !text || state.connection !== "connected"}>Receive</Button></div>
    </form>
  </section>;
}

function Presence({ state }: { state: PhoneState }) {
  switch (state.connection) {
    case "connected": return <Badge tone="good">connected</Badge>;
    case "connecting": return <Badge tone="info">connecting</Badge>;
    case "lost": return <Badge tone="bad">connection lost, trying again</Badge>;
    case "refused": return <Badge tone="bad">refused</Badge>;
    case "off": return <Badge tone="plain">off</Badge>;
  }
}

export function SimulatedPhone() {
  const state = useStore(phone);
  const on = state.connection !== "off" && state.connection !== "refused";
  return <>
    <PageHead title="Simulated phone" note="A phone in this browser tab. It shows what it is given, and sends nothing for real.">
      <LinkButton to={href("devices")}>All devices</LinkButton>
      {on ? <Button onClick={switchOff}>Switch off</Button> : <Button kind="primary" icon="play" onClick={switchOn}>Switch on</Button>}
    </PageHead>
    {state.connection === "refused" && <Note tone="warn" title="The gateway did not let it in">
      <p>A gateway that is open to other machines takes only phones with a token, and the WebSocket of a browser cannot send one. Use the simulated phone
        of the terminal instead: it pairs itself.</p><LinkButton to={href("connect")}>Show how</LinkButton></Note>}
    <div class="phone-page">
      <Screen state={state} />
      <div class="stack">
        <section class="card stack"><header><h2>This phone</h2><Presence state={state} /></header>
          <dl class="facts"><dt>Device id</dt><dd><code>{state.deviceId}</code></dd></dl>
          <p class="muted small">It stays on while this tab is open, on every page of the dashboard.</p></section>
        <section class="card stack"><header><h2>What it does with an SMS</h2></header>
          <Tabs label="What it does with an SMS" tabs={BEHAVIOURS} current={state.behaviour} onChange={setBehaviour} />
          <p class="muted">{MEANINGS[state.behaviour]}</p></section>
        <section class="card stack"><header><h2>What it tells of itself</h2></header>
          <Field label={`Battery: ${state.battery} %`} hint="Below 5 % a phone that is not charging is given no messages">
            <input type="range" min={1} max={100} value={state.battery} onInput={(event) => setInfo({ battery: Number(event.currentTarget.value) })} /></Field>
          <Field label={`Signal: ${state.signal} dBm`}><input type="range" min={-120} max={-50} value={state.signal} onInput={(event) => setInfo({ signal: Number(event.currentTarget.value) })} /></Field>
          <label class="check"><input type="checkbox" checked={state.charging} onChange={(event) => setInfo({ charging: event.currentTarget.checked })} />It is charging</label>
        </section>
      </div>
    </div>
  </>;
}
