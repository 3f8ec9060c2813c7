/* What a page shows of the gateway: loaded, and loaded again when it changes. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { onEvents } from "./live";
import type { GatewayEvent } from "./types";

export interface Loaded<T> {
  data: T | undefined;
  error: Error | undefined;
  loading: boolean;
  reload: () => void;
  set: (data: T) => void;
}

/** Loads when `key` changes. What was loaded stays until the next answer is there; of another key it goes at once. */
export function useLoad<T>(key: string | null, load: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [state, setState] = useState<{ key: string | null; data?: T; error?: Error; loading: boolean }>(
    { key, loading: key !== null });
  const [turn, setTurn] = useState(0);
  const latest = useRef(load);
  latest.current = load;
  useEffect(() => {
    if (key === null) return undefined;
    const abort = new AbortController();
    setState((old) => (old.key === key ? { ...old, loading: true } : { key, loading: true }));
    latest.current(abort.signal).then(
      (data) => abort.signal.aborted || setState({ key, data, loading: false }),
      (error: Error) => abort.signal.aborted ||
        setState((old) => ({ key, data: old.key === key ? old.data : undefined, error, loading: false })));
    return () => abort.abort();
  }, [key, turn]);
  const reload = useCallback(() => setTurn((n) => n + 1), []);
  const set = useCallback((data: T) => setState({ key, data, loading: false }), [key]);
  const current = state.key === key ? state : { data: undefined, error: undefined, loading: key !== null };
  return { data: current.data, error: current.error, loading: current.loading, reload, set };
}

/** Calls `reload` when events that matter have come, at once and then at most every `everyMs`. */
export function useLive(reload: () => void, matters: (event: GatewayEvent) => boolean, everyMs = 1000): void {
  const latest = useRef({ reload, matters });
  latest.current = { reload, matters };
  useEffect(() => {
    let timer: number | undefined;
    let due = false;
    const run = () => {
      due = false;
      latest.current.reload();
      timer = window.setTimeout(() => {
        timer = undefined;
        if (due) run();
      }, everyMs);
    };
    const stop = onEvents((events) => {
      if (events.length > 0 && !events.some((event) => latest.current.matters(event))) return;
      if (timer === undefined) run();
      else due = true;
    });
    return () => {
      stop();
      window.clearTimeout(timer);
    };
  }, [everyMs]);
}

/** Calls `reload` every `everyMs` while the page is seen: for what no event tells, such as time that passes. */
export function useEvery(reload: () => void, everyMs: number): void {
  const latest = useRef(reload);
  latest.current = reload;
  useEffect(() => {
    const timer = window.setInterval(() => document.hidden || latest.current(), everyMs);
    return () => window.clearInterval(timer);
  }, [everyMs]);
}
