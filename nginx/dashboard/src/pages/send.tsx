/* Sending: one SMS, one text to many numbers, or a table. */
import { useState } from "preact/hooks";
import { post, Problem } from "../api";
import { number, several } from "../format";
import { Button, ErrorNote, PageHead } from "../parts/basic";
import { Composer } from "../parts/composer";
import { Field, Tabs } from "../parts/field";
import { replace, href, type Route } from "../router";
import { countSegments } from "../segments";
import { transliterate } from "../transliteration";
import type { Message } from "../types";
import { SendTable } from "./send_table";
import { NO_OPTIONS, OptionFields, optionsBody, type Options } from "./send_options";
import { SentBatch, SentMessage } from "./sent";

const WAYS = [["one", "One"], ["many", "Many numbers"], ["csv", "A table (CSV)"]] as const;
type Way = (typeof WAYS)[number][0];
export type Sent = { kind: "message" | "batch"; id: string };

/** A name for one press of the button: sent again after a broken connection, it makes no second message. */
export const newKey = (): string => `dashboard-${Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) => word.toString(16)).join("")}`;

export const numbersOf = (text: string): string[] => text.split(/[\n,;]+/).map((word) => word.trim()).filter(Boolean);

interface FormProps {
  options: Options;
  setOptions: (options: Options) => void;
  onSent: (sent: Sent) => void;
}

function Rest({ options, setOptions, error }: Omit<FormProps, "onSent"> & { error?: Error }) {
  const chosen = Object.keys(optionsBody(options)).length > (options.transliterate ? 1 : 0);
  const faulty = error instanceof Problem && error.errors.some((e) => !/phone_number|message/.test(e.pointer ?? ""));
  return <details open={chosen || faulty}><summary>When, by which phone, until when</summary><OptionFields options={options} onChange={setOptions} error={error} /></details>;
}

function OneForm({ to, options, setOptions, onSent }: FormProps & { to: string }) {
  const [recipient, setRecipient] = useState(to);
  const [text, setText] = useState("");
  const [error, setError] = useState<Error>();
  const [key, setKey] = useState(newKey);
  const [busy, setBusy] = useState(false);
  const problem = error instanceof Problem ? error : undefined;
  const change = (set: (value: string) => void) => (value: string) => {
    set(value);
    setKey(newKey()); // another message
  };
  const send = async () => {
    setBusy(true);
    setError(undefined);
    try {
      const made = await post<Message>("/api/send-sms", { phone_number: recipient, message: text, ...optionsBody(options) }, { idempotencyKey: key });
      onSent({ kind: "message", id: made.message_id });
      setText("");
      setKey(newKey());
    } catch (failure) {
      setError(failure as Error);
    } finally {
      setBusy(false);
    }
  };
  const shown = problem?.of("phone_number") ?? problem?.of("message");
  return <form class="card stack" onSubmit={(event) => { event.preventDefault(); void send(); }}>
    <Field label="Recipient" hint="With + and the country code" error={problem?.of("phone_number")}>
      <input type="tel" autocomplete="off" placeholder="+4915112345678" value={recipient} onInput={(event) => change(setRecipient)(event.currentTarget.value)} /></Field>
    <Composer label="Text" replacing={options.transliterate} text={text} onText={change(setText)} error={problem?.of("message")} />
    <Rest options={options} setOptions={(next) => { setOptions(next); setKey(newKey()); }} error={error} />
    {error && !shown && <ErrorNote error={error} />}
    <footer><Button kind="primary" icon="send" type="submit" disabled={busy || !recipient.trim() || !text}>{options.send_at ? "Schedule it" : "Send"}</Button></footer>
  </form>;
}

function ManyForm({ options, setOptions, onSent }: FormProps) {
  const [recipients, setRecipients] = useState("");
  const [text, setText] = useState("");
  const [error, setError] = useState<Error>();
  const [key, setKey] = useState(newKey);
  const [busy, setBusy] = useState(false);
  const numbers = numbersOf(recipients);
  const { segments } = countSegments(options.transliterate ? transliterate(text) : text);
  const wrong = error instanceof Problem ? error.errors.filter((e) => /^\/phone_numbers\/\d+/.test(e.pointer ?? "")) : [];
  const send = async () => {
    setBusy(true);
    setError(undefined);
    try {
      const made = await post<{ batch_id: string }>("/api/send-sms", { phone_numbers: numbers, message: text, ...optionsBody(options) }, { idempotencyKey: key });
      onSent({ kind: "batch", id: made.batch_id });
      setText("");
      setRecipients("");
      setKey(newKey());
    } catch (failure) {
      setError(failure as Error);
    } finally {
      setBusy(false);
    }
  };
  const faults = wrong.map((e) => `${numbers[Number(e.pointer?.split("/")[2])] ?? ""} ${e.detail}`);
  return <form class="card stack" onSubmit={(event) => { event.preventDefault(); void send(); }}>
    <Field label="Recipients" hint={`One in each line, up to 1,000. ${several(numbers.length, "number")}`} error={faults.length > 0 ? faults.slice(0, 5).join("; ") : undefined}>
      <textarea rows={6} value={recipients} placeholder={"+4915112345678\n+4915112345679"} onInput={(event) => { setRecipients(event.currentTarget.value); setKey(newKey()); }} /></Field>
    <Composer label="Text" replacing={options.transliterate} text={text} onText={(value) => { setText(value); setKey(newKey()); }} error={error instanceof Problem ? error.of("message") : undefined} />
    <Rest options={options} setOptions={(next) => { setOptions(next); setKey(newKey()); }} error={error} />
    {error && wrong.length === 0 && <ErrorNote error={error} />}
    <footer><span class="muted">{numbers.length > 0 && segments > 0 && `${several(numbers.length * segments, "segment")} in all`}</span>
      <Button kind="primary" icon="send" type="submit" disabled={busy || numbers.length === 0 || !text}>{`Send to ${number(numbers.length)}`}</Button></footer>
  </form>;
}

export function Send({ route }: { route: Route }) {
  const way = (WAYS.map(([name]) => name).find((name) => name === route.path[1]) ?? "one") as Way;
  const device = route.query.get("device_id");
  const [options, setOptions] = useState<Options>(() => ({ ...NO_OPTIONS, by: device ? `device:${device}` : "" }));
  const [sent, setSent] = useState<Sent[]>([]);
  const onSent = (one: Sent) => setSent((old) => [one, ...old].slice(0, 10));
  const form = { options, setOptions, onSent };
  return <>
    <PageHead title="Send"><Tabs label="To whom" tabs={WAYS} current={way} onChange={(next) => replace(href("send", next))} /></PageHead>
    <div class={`send-page ${way}`}>
      {way === "one" ? <OneForm key={route.query.get("to") ?? ""} to={route.query.get("to") ?? ""} {...form} /> : way === "many" ? <ManyForm {...form} /> : <SendTable {...form} />}
      {sent.length > 0 && <section class="card stack" aria-labelledby="just-sent"><header><h2 id="just-sent">Just sent</h2></header>
        <ul class="sent">{sent.map(({ kind, id }) => (kind === "message" ? <SentMessage key={id} id={id} /> : <SentBatch key={id} id={id} />))}</ul></section>}
    </div>
  </>;
}
