/* A value that several parts of the page show. */
import { useEffect, useRef, useState } from "preact/hooks";

export class Store<T> {
  private readonly listeners = new Set<() => void>();
  constructor(private current: T) {}

  get value(): T {
    return this.current;
  }
  set value(next: T) {
    if (Object.is(next, this.current)) return;
    this.current = next;
    for (const listener of [...this.listeners]) listener();
  }
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

/** The value now; the component is drawn again when it changes. */
export function useStore<T>(store: Store<T>): T {
  const [, redraw] = useState(0);
  const shown = useRef(store.value);
  shown.current = store.value;
  useEffect(() => {
    const look = () => Object.is(shown.current, store.value) || redraw((n) => n + 1);
    look(); // it may have changed since the first drawing
    return store.subscribe(look);
  }, [store]);
  return shown.current;
}
