/* A table of recipients: looked through here, row by row, before anything is sent. */
import { useMemo, useState } from "preact/hooks";
import { post, Problem } from "../api";
import { MEMBERS, rowsOf, type Row } from "../batch";
import { decode, readCsv } from "../csv";
import { number, several } from "../format";
import { Badge, Button, ErrorNote, Foreign, Note, PhoneNumber } from "../parts/basic";
import { Composer } from "../parts/composer";
import { Check, Field, Tabs } from "../parts/field";
import { Table, type Column } from "../parts/table";
import { newKey, type Sent } from "./send";
import { OptionFields, optionsBody, type Options } from "./send_options";

const MOST_ROWS = 10_000;
const EXAMPLE = "phone_number,name\n+4915112345678,Ada\n+4915112345679,Grace\n";

const COLUMNS: Column<Row>[] = [
  { name: "Line", kind: "muted", cell: (row) => row.line },
  { name: "Recipient", cell: (row) => <PhoneNumber number={row.phone_number || "–"} /> },
  { name: "Text", kind: "second", cell: (row) => (row.error ? <span class="error">{row.error}</span> : <Foreign text={row.text.slice(0, 300)} />) },
  { name: "Size", kind: "end", cell: (row) => (row.error ? <Badge tone="bad">refused</Badge> : `${row.segments.segments} · ${row.segments.encoding}`) },
];

/** What the gateway said about rows that looked good here. */
function refusals(error: Error | undefined, sent: Row[]): Map<number, string> {
  const found = new Map<number, string>();
  if (!(error instanceof Problem)) return found;
  for (const e of error.errors) {
    const match = /^\/messages\/(\d+)(?:\/(\w+))?/.exec(e.pointer ?? "");
    const row = match && sent[Number(match[1])];
    if (row) found.set(row.line, `${match[2] ?? "the row"} ${e.detail}`);
  }
  return found;
}

export function SendTable({ options, setOptions, onSent }: { options: Options; setOptions: (options: Options) => void; onSent: (sent: Sent) => void }) {
  const [source, setSource] = useState("");
  const [name, setName] = useState("");
  const [unreadable, setUnreadable] = useState("");
  const [template, setTemplate] = useState("");
  const [only, setOnly] = useState<"all" | "refused">("all");
  const [leaveOut, setLeaveOut] = useState(false);
  const [error, setError] = useState<Error>();
  const [refused, setRefused] = useState<Map<number, string>>(new Map());
  const [key, setKey] = useState(newKey);
  const [busy, setBusy] = useState(false);

  const table = useMemo(() => readCsv(source), [source]);
  const rows = useMemo(() => rowsOf(table, template, options.transliterate).map((row) => ({ ...row, error: row.error ?? refused.get(row.line) })), [table, template, options.transliterate, refused]);
  const good = useMemo(() => rows.filter((row) => !row.error), [rows]);
  const bad = rows.length - good.length;
  const segments = good.reduce((sum, row) => sum + row.segments.segments, 0);
  const ownText = table.columns.includes("message");
  const variables = table.columns.filter((column) => column && !MEMBERS.has(column));

  const begin = (text: string, from: string, fault = "") => {
    setSource(text);
    setName(from);
    setUnreadable(fault);
    setRefused(new Map());
    setError(undefined);
    setKey(newKey());
  };
  const choose = async (file: File | undefined) => {
    if (!file) return;
    const { text, error: fault } = decode(new Uint8Array(await file.arrayBuffer()));
    begin(text, file.name, fault);
  };
  const send = async () => {
    setBusy(true);
    setError(undefined);
    try {
      const made = await post<{ batch_id: string }>("/api/batches", { defaults: { ...(template && { message: template }), ...optionsBody(options) }, messages: good.map((row) => row.message) }, { idempotencyKey: key });
      onSent({ kind: "batch", id: made.batch_id });
      begin("", "");
    } catch (failure) {
      const found = refusals(failure as Error, good);
      if (found.size > 0) {
        setRefused((old) => new Map([...old, ...found]));
        setOnly("refused");
        setKey(newKey());
      } else setError(failure as Error);
    } finally {
      setBusy(false);
    }
  };

  return <form class="stack" onSubmit={(event) => { event.preventDefault(); void send(); }}>
    <section class="card stack">
      <p class="muted">The first line names the columns: <code>phone_number</code>, and others, of which <code>{"{name}"}</code> in the text takes the column “name”.</p>
      <div class="fields table-source">
        <Field label="File" hint="CSV in UTF-8, with commas, semicolons or tabs"><input type="file" accept=".csv,.tsv,.txt,text/csv" onChange={(event) => void choose(event.currentTarget.files?.[0])} /></Field>
        <Field label="Or paste it here" hint={<>{name && <><Foreign text={name} />: </>}{several(table.rows.length, "row")} <button type="button" class="link" onClick={() => begin(EXAMPLE, "an example")}>Try an example</button></>}>
          <textarea rows={4} class="mono" value={source.length > 20_000 ? source.slice(0, 20_000) : source} readOnly={source.length > 20_000} onInput={(event) => begin(event.currentTarget.value, "")} /></Field>
      </div>
      {!ownText && <Composer label="Text" replacing={options.transliterate} text={template} onText={(text) => { setTemplate(text); setKey(newKey()); }} rows={3}
        hint={variables.length > 0 ? `Placeholders: ${variables.map((column) => `{${column}}`).join(" ")}` : "Braces are written twice: {{ and }}"} />}
      {(unreadable || (source && table.error)) && <Note tone="bad" title="This table cannot be read"><p>{unreadable || table.error}</p></Note>}
      {rows.length > MOST_ROWS && <Note tone="bad" title={`More than ${number(MOST_ROWS)} rows`}><p>Send them in several tables.</p></Note>}
      <details><summary>When, by which phone, until when</summary><OptionFields options={options} onChange={(next) => { setOptions(next); setKey(newKey()); }} error={error} /></details>
      {error && <ErrorNote error={error} />}
    </section>
    {source && !table.error && <section class="card flush" aria-labelledby="preview">
      <header><h2 id="preview">Preview</h2><div class="row-of"><span>{several(good.length, "message")}, {several(segments, "segment")}</span>{bad > 0 && <Badge tone="bad">{number(bad)} refused</Badge>}
        {bad > 0 && <Tabs label="Rows" current={only} onChange={setOnly} tabs={[["all", "All rows"], ["refused", "Refused rows"]]} />}</div></header>
      <Table label="Preview" kind="preview" columns={COLUMNS} rows={only === "refused" && bad > 0 ? rows.filter((row) => row.error) : rows} keyOf={(row) => String(row.line)} />
    </section>}
    {rows.length > 0 && !table.error && <div class="send-bar">
      {bad > 0 && <Check label={`Leave out the ${several(bad, "refused row")}`} checked={leaveOut} onChange={setLeaveOut} />}
      <Button kind="primary" icon="send" type="submit" disabled={busy || good.length === 0 || good.length > MOST_ROWS || (bad > 0 && !leaveOut)}>{`Send ${several(good.length, "message")}`}</Button></div>}
  </form>;
}
