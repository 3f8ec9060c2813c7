/* Short news at the edge of the page. */
import { Store, useStore } from "../store";
import { Icon } from "./icon";

interface Toast {
  id: number;
  text: string;
  tone: "good" | "bad";
}

const toasts = new Store<Toast[]>([]);
let ids = 0;

export function toast(text: string, tone: Toast["tone"] = "good"): void {
  const id = ++ids;
  toasts.value = [...toasts.value, { id, text, tone }].slice(-4);
  window.setTimeout(() => (toasts.value = toasts.value.filter((t) => t.id !== id)), tone === "bad" ? 10_000 : 4000);
}

/** Says what went wrong where the page has no place for it. */
export async function attempt(action: Promise<unknown>, done?: string): Promise<boolean> {
  try {
    await action;
  } catch (error) {
    toast((error as Error).message, "bad");
    return false;
  }
  if (done) toast(done);
  return true;
}

export function Toasts() {
  return <div class="toasts" role="status" aria-live="polite">
    {useStore(toasts).map((t) => <div key={t.id} class={`toast ${t.tone}`}><Icon name={t.tone === "good" ? "check" : "alert"} /><bdi>{t.text}</bdi></div>)}
  </div>;
}
