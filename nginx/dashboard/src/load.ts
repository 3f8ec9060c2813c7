/* What a page shows of the gateway: loaded, and loaded again when it changes. */
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
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
  const latest = useRef(load);
  latest.current = load;
  const run = useRef(() => undefined as void);
  useLayoutEffect(() => { // at once, not after the page without data was painted
    if (key === null) return undefined;
    const abort = new AbortController();
    let busy = false;
    let again = false;
    const next = async () => {
      again = busy; // an answer that takes long is waited for, and then asked for once more
      if (busy) return;
      busy = true;
      setState((old) => (old.key !== key ? { key, loading: true } : old.loading ? old : { ...old, loading: true }));
      try {
        const data = await latest.current(abort.signal);
        if (!abort.signal.aborted) setState({ key, data, loading: false });
      } catch (error) {
        if (!abort.signal.aborted) setState((old) => ({ key, data: old.key === key ? old.data : undefined, error: error as Error, loading: false }));
      }
      busy = false;
      if (again && !abort.signal.aborted) void next();
    };
    run.current = () => void next();
    void next();
    return () => abort.abort();
  }, [key]);
  const reload = useCallback(() => run.current(), []);
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
