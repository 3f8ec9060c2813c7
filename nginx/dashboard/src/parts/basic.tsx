/* Small parts that every page uses. Names, numbers and texts come from others: they are text nodes of their own direction. */
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Problem } from "../api";
import { ago, fullTime, shortTime } from "../format";
import { Store, useStore } from "../store";
import type { Status } from "../types";
import { keepFocus } from "./focus";
import { Icon, type IconName } from "./icon";

const now = new Store(Date.now());
/* What changes at midnight alone: a long table has a time in each row. */
const today = new Store(new Date().toDateString());
window.setInterval(() => {
  if (document.hidden) return;
  now.value = Date.now();
  today.value = new Date().toDateString();
}, 5000);
export const useNow = (): number => useStore(now);

/** A name, a number or a text that someone else wrote. */
export function Foreign({ text, mono }: { text: string; mono?: boolean }) {
  return <bdi class={mono ? "foreign mono" : "foreign"}>{text}</bdi>;
}

export function PhoneNumber({ number }: { number: string | null }) {
  return number ? <bdi class="foreign number">{number}</bdi> : <span class="muted">unknown sender</span>;
}

export function Time({ at }: { at: string | null | undefined }) {
  const day = useStore(today);
  return at ? <time dateTime={at} title={fullTime(at)}>{shortTime(at, day)}</time> : <span class="muted">–</span>;
}

export function Ago({ at }: { at: string }) {
  return <time dateTime={at} title={fullTime(at)}>{ago(at, Math.max(useNow(), Date.now()))}</time>;
}

/** When something is tried next; what is overdue waits for its turn. */
export function Next({ at }: { at: string }) {
  return Date.parse(at) > useNow() ? <Ago at={at} /> : <>soon</>;
}

const MEANINGS: Record<Status, string> = {
  queued: "Waiting for a device",
  dispatched: "Offered to a device; nothing was sent yet",
  accepted: "A device has it and may send it",
  sending: "The device is sending it",
  sent: "The mobile network has accepted it",
  delivered: "The recipient's phone has received it",
  failed: "It was not sent, or did not arrive",
  expired: "It was not sent in time",
  cancelled: "It was cancelled",
  unknown: "The device never reported what happened",
};

export function StatusBadge({ status, detail }: { status: Status; detail?: string }) {
  return <span class={`badge status-${status}`} title={detail ?? MEANINGS[status]}>{status}</span>;
}

export function Badge({ tone, children }: { tone: "good" | "bad" | "warn" | "plain" | "info"; children: ComponentChildren }) {
  return <span class={`badge tone-${tone}`}>{children}</span>;
}

interface ButtonProps {
  children: ComponentChildren;
  onClick?: () => unknown;
  kind?: "primary" | "danger" | "plain" | "quiet";
  icon?: IconName;
  type?: "button" | "submit";
  disabled?: boolean;
  label?: string;
}

/** While what it began still runs, pressing it again does nothing; it keeps the focus. */
export function Button({ children, onClick, kind = "plain", icon, type = "button", disabled, label }: ButtonProps) {
  const [busy, setBusy] = useState(false);
  const element = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => () => void (document.activeElement === element.current && requestAnimationFrame(keepFocus)), []);
  useLayoutEffect(() => {
    // Of a form that was sent and is empty again: the next one begins at its first field. Not by touch, which would open a keyboard.
    if (disabled && element.current?.matches(":focus-visible")) element.current.form?.querySelector<HTMLElement>("input, textarea")?.focus();
  }, [disabled]);
  const press = async () => {
    if (!onClick || busy) return;
    const result = onClick();
    if (!(result instanceof Promise)) return;
    setBusy(true);
    try {
      await result;
    } finally {
      setBusy(false);
    }
  };
  return <button type={type} class={`button ${kind}`} ref={element} disabled={disabled} aria-busy={busy} aria-disabled={busy || undefined} aria-label={label}
    onClick={onClick ? press : undefined}>{icon && <Icon name={icon} />}{children}</button>;
}

export function LinkButton({ to, children, kind = "plain", icon }:
  { to: string; children: ComponentChildren; kind?: "primary" | "plain" | "quiet"; icon?: IconName }) {
  return <a href={to} class={`button ${kind}`}>{icon && <Icon name={icon} />}{children}</a>;
}

/** Texts of the gateway mark code as Markdown does. */
export function WithCode({ text }: { text: string }) {
  return <>{text.split("`").map((part, i) => (i % 2 ? <code>{part}</code> : part))}</>;
}

/** The heading of a page. It takes the focus when the page changes, so that screen readers begin there. */
export function PageHead({ title, children, note }: { title: string; children?: ComponentChildren; note?: ComponentChildren }) {
  useEffect(() => {
    document.title = `${title} · SMS gateway`;
  }, [title]);
  return <header class="page-head">
    <div><h1 tabIndex={-1}>{title}</h1>{note && <p class="muted">{note}</p>}</div>
    {children && <div class="actions">{children}</div>}
  </header>;
}

export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ComponentChildren }) {
  return <div class="empty"><Icon name={icon} /><h2>{title}</h2>{children}</div>;
}

export function ErrorNote({ error, retry }: { error: Error; retry?: () => void }) {
  const problem = error instanceof Problem ? error : undefined;
  return <div class="note bad" role="alert">
    <Icon name="alert" />
    <div>
      <strong>{problem?.title ?? "This page has an error"}</strong>
      <p><bdi>{problem?.detail ?? error.message}</bdi></p>
      {problem && problem.errors.length > 0 && <ul>{problem.errors.map((e) => <li>
        <code>{e.line ? `line ${e.line}${e.column ? `, ${e.column}` : ""}` : e.pointer ?? e.parameter ?? e.code}</code> <bdi>{e.detail}</bdi></li>)}</ul>}
      {problem && problem.status > 0 && <p class="small muted">
        <a href={`/docs/errors.html#${problem.code}`}>{problem.code}</a>{problem.requestId && <> · request {problem.requestId}</>}</p>}
      {retry && <Button onClick={retry}>Try again</Button>}
    </div>
  </div>;
}

export function Note({ tone, title, children, icon }:
  { tone: "bad" | "warn" | "info" | "good"; title?: ComponentChildren; children?: ComponentChildren; icon?: IconName }) {
  return <div class={`note ${tone}`}>
    <Icon name={icon ?? (tone === "good" ? "check" : tone === "info" ? "info" : "alert")} />
    <div>{title && <strong>{title}</strong>}{children}</div>
  </div>;
}

/** A text that people copy: a code, an id, a command. */
export function Copyable({ text, label }: { text: string; label: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      return; // not over plain HTTP: the text can be selected
    }
    setCopied(true);
    window.setTimeout(() => setCopied(false), 1500);
  };
  return <span class="copyable"><code>{text}</code>
    {window.isSecureContext && <button type="button" class="icon-button" aria-label={`Copy ${label}`} title={`Copy ${label}`} onClick={copy}>
      <Icon name={copied ? "check" : "copy"} /></button>}</span>;
}

export function Bar({ value, max, tone = "accent", label }: { value: number; max: number; tone?: "accent" | "warn" | "bad"; label: string }) {
  return <meter class={`bar ${tone}`} min={0} max={max || 1} value={Math.min(value, max)} aria-label={label} />;
}
