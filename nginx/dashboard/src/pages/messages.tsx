/* The messages: filtered, live, and one of them in detail. */
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { get, path } from "../api";
import { number, several, utcOf } from "../format";
import { onEvents } from "../live";
import { useEvery, useLive } from "../load";
import { Button, Empty, ErrorNote, Foreign, LinkButton, PageHead, PhoneNumber, StatusBadge, Time } from "../parts/basic";
import { Field } from "../parts/field";
import { Table, type Column } from "../parts/table";
import { go, href, replace, type Route } from "../router";
import { may } from "../session";
import { STATUSES, type Message, type MessagePage } from "../types";
import { MessageDetail } from "./message_detail";

const FILTERS = ["status", "phone_number", "device_id", "device_group", "reference", "batch_id", "created_after", "created_before"] as const;
type Filters = Partial<Record<(typeof FILTERS)[number], string>>;
const PAGE_SIZE = 100;

const filtersOf = (route: Route): Filters => Object.fromEntries(FILTERS.flatMap((name) => {
  const value = route.query.get(name);
  return value ? [[name, value]] : [];
}));

function errorText(message: Message): string | null {
  return message.error_message ?? message.error_code;
}

/** The link of a row keeps the filters, like a click on the row. */
const columnsOf = (filters: Filters): Column<Message>[] => [
  { name: "Created", kind: "second-end", cell: (m) => <Time at={m.created_at} /> },
  { name: "Recipient", cell: (m) => <a href={href("messages", m.message_id, filters)}><PhoneNumber number={m.phone_number} /></a> },
  { name: "Text", kind: "text second", cell: (m) => (m.message === null ? <span class="muted">not shown</span> : <Foreign text={m.message.slice(0, 300)} />) },
  { name: "Status", cell: (m) => <StatusBadge status={m.status} detail={m.waiting_for?.detail} /> },
  { name: "Why", kind: "wide-only muted", cell: (m) => {
    const why = m.status === "queued" ? m.waiting_for?.reason.replace(/_/g, " ") : errorText(m);
    return why && <span title={m.waiting_for?.detail ?? why}><Foreign text={why} /></span>;
  } },
  { name: "Device", kind: "wide-only", cell: (m) => m.device_id ?? <span class="muted">–</span> },
  { name: "Segments", kind: "wide-only end", cell: (m) => m.segments },
];

interface List {
  rows: Message[];
  total: number;
  next: string | null;
}

/** Pages of the list, and the rows that events tell of kept up to date. */
function useMessages(filters: Filters) {
  const query = { ...filters };
  for (const name of ["created_after", "created_before"] as const) if (query[name]) query[name] = utcOf(query[name]);
  const first = path("/api/sms", { ...query, limit: PAGE_SIZE });
  const [list, setList] = useState<List>();
  const [error, setError] = useState<Error>();
  const fetching = useRef(false);
  const shown = useRef(first);
  shown.current = first;

  const loading = useRef("");
  const load = useCallback(async () => {
    if (loading.current === first) return; // its answer is on its way
    loading.current = first;
    try {
      const page = await get<MessagePage>(first);
      if (shown.current !== first) return;
      setError(undefined);
      setList((old) => {
        // New messages come on top of those that further pages brought.
        const fresh = new Set(page.messages.map((m) => m.message_id));
        const oldest = page.messages[page.messages.length - 1]?.created_at ?? "";
        const rest = old && page.next ? old.rows.filter((m) => !fresh.has(m.message_id) && m.created_at <= oldest) : [];
        const kept = old !== undefined && rest.length > 0;
        return { rows: [...page.messages, ...rest], total: page.total, next: kept ? old.next : page.next };
      });
    } catch (failure) {
      if (shown.current === first) setError(failure as Error);
    } finally {
      if (loading.current === first) loading.current = "";
    }
  }, [first]);
  useLayoutEffect(() => {
    setList(undefined);
    void load();
  }, [load]);
  useLive(() => void load(), (event) => event.type.startsWith("message.") || event.type === "queue", 1500);
  useEvery(() => void load(), 15_000); // why one waits is told by no event

  // Rows of further pages: each is loaded alone when an event tells of it.
  const rows = useRef<Message[]>([]);
  rows.current = list?.rows ?? [];
  useEffect(() => onEvents((events) => {
    const here = new Set(rows.current.slice(PAGE_SIZE).map((m) => m.message_id));
    const changed = new Set(events.map((event) => event.data.message_id ?? "").filter((id) => here.has(id)));
    for (const id of [...changed].slice(0, 20))
      void get<Message>(`/api/sms/${id}`).then((next) => setList((old) => old && { ...old, rows: old.rows.map((m) => (m.message_id === id ? next : m)) }), () => undefined);
  }), []);

  const more = useCallback(async () => {
    const next = list?.next;
    if (!next || fetching.current) return;
    fetching.current = true;
    try {
      const page = await get<MessagePage>(next);
      if (shown.current !== first) return;
      setList((old) => {
        if (!old) return old;
        const known = new Set(old.rows.map((m) => m.message_id));
        return { rows: [...old.rows, ...page.messages.filter((m) => !known.has(m.message_id))], total: page.total, next: page.next };
      });
    } catch (failure) {
      setError(failure as Error);
    } finally {
      fetching.current = false;
    }
  }, [list?.next, first]);
  return { list, error, load, more };
}

function FilterBar({ filters, onChange }: { filters: Filters; onChange: (filters: Filters) => void }) {
  const set = (name: keyof Filters, value: string) => onChange({ ...filters, [name]: value || undefined });
  const text = (name: keyof Filters, label: string, placeholder = "") => <Field label={label}>
    <input value={filters[name] ?? ""} placeholder={placeholder} onChange={(event) => set(name, event.currentTarget.value.trim())} /></Field>;
  const time = (name: keyof Filters, label: string) => <Field label={label}>
    <input type="datetime-local" value={filters[name] ?? ""} onChange={(event) => set(name, event.currentTarget.value)} /></Field>;
  const rare = FILTERS.slice(3).some((name) => filters[name]);
  return <form class="card filters" role="search" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
    <div class="fields">
      <Field label="Status"><select value={filters.status ?? ""} onChange={(event) => set("status", event.currentTarget.value)}>
        <option value="">Any</option>{STATUSES.map((status) => <option value={status}>{status}</option>)}</select></Field>
      {text("phone_number", "Recipient", "+4915112345678")}
      {text("device_id", "Device")}
    </div>
    <details open={rare}><summary>More filters</summary><div class="fields">
      {text("device_group", "Group")}{text("reference", "Reference")}{text("batch_id", "Batch")}
      {time("created_after", "From")}{time("created_before", "Before")}</div></details>
    {Object.values(filters).some(Boolean) && <Button kind="quiet" icon="close" onClick={() => onChange({})}>Clear the filters</Button>}
  </form>;
}

export function Messages({ route }: { route: Route }) {
  const filters = filtersOf(route);
  const { list, error, load, more } = useMessages(filters);
  const columns = useMemo(() => columnsOf(filters), [route.query.toString()]);
  const id = route.path[1];
  const filtered = Object.keys(filters).length > 0;
  return <>
    <PageHead title="Messages" note={list && `${number(list.total)} ${filtered ? "match the filters" : "in all"}, newest first`}>
      {may("send") && <LinkButton kind="primary" icon="send" to={href("send")}>Send an SMS</LinkButton>}
    </PageHead>
    <div class="stack">
      <FilterBar filters={filters} onChange={(next) => replace(href("messages", next))} />
      {error && <ErrorNote error={error} retry={load} />}
      {list && list.rows.length > 0 && <Table label="Messages" kind="messages" columns={columns} rows={list.rows} total={list.total} keyOf={(m) => m.message_id} onEnd={more}
        onOpen={(m) => go(href("messages", m.message_id, filters))} marked={(m) => m.message_id === id} />}
      {list && list.rows.length > 0 && list.next === null && <p class="table-foot">{several(list.rows.length, "message")}. That is all.</p>}
      {list && list.rows.length === 0 && <div class="card"><Empty icon="messages" title={filtered ? "No message matches" : "No messages yet"}>
        {filtered ? <Button onClick={() => replace(href("messages"))}>Clear the filters</Button> : <LinkButton kind="primary" to={href("send")}>Send the first one</LinkButton>}</Empty></div>}
      {!list && !error && <p class="loading">Loading …</p>}
    </div>
    {id && <MessageDetail key={id} id={id} onClose={() => go(href("messages", filters))} onChange={load} />}
  </>;
}
