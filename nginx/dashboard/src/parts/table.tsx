/* A table of any number of rows of the same height: only those that are seen are drawn. It scrolls with the page. */
import { Component, type ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

export interface Column<T> {
  name: string;
  cell: (row: T) => ComponentChildren;
  /** Class of its cells: "wide-only" is not shown on narrow screens. */
  kind?: string;
}

interface TableProps<T> {
  label: string;
  /** Its class, to which the style sheet gives the widths of the columns. */
  kind: string;
  columns: Column<T>[];
  rows: T[];
  keyOf: (row: T) => string;
  /** How many there are in all, if more than are here. */
  total?: number;
  /** Called when the end is near. */
  onEnd?: () => void;
  onOpen?: (row: T) => void;
  marked?: (row: T) => boolean;
}

const EXTRA_ROWS = 12;
const STEP_ROWS = 3; // so many come and go together: not one with each frame, and not too many in one
const NARROW = window.matchMedia("(max-width: 45rem)");

function useRowHeight(): number {
  const measure = () => parseFloat(getComputedStyle(document.documentElement).fontSize) * (NARROW.matches ? 4.25 : 2.5);
  const [height, setHeight] = useState(measure);
  useEffect(() => {
    const update = () => setHeight(measure());
    window.addEventListener("resize", update);
    return () => window.removeEventListener("resize", update);
  }, []);
  return Math.round(height);
}

interface RowProps<T> {
  row: T;
  index: number;
  height: number;
  columns: Column<T>[];
  marked: boolean;
  /** The newest function is in it; none: rows do not open. */
  open?: { current: ((row: T) => void) | undefined };
}

/** Drawn again only if something of it changed: while a long table scrolls, most rows stay. */
class Row<T> extends Component<RowProps<T>> {
  shouldComponentUpdate(next: RowProps<T>): boolean {
    return (Object.keys(next) as (keyof RowProps<T>)[]).some((name) => next[name] !== this.props[name]);
  }

  render({ row, index, height, columns, marked, open }: RowProps<T>) {
    return <div role="row" aria-rowindex={index + 2} class={`row${open ? " opens" : ""}${marked ? " marked" : ""}`}
      style={{ height: `${height}px`, top: `${index * height}px` }}
      onClick={(event) => {
        // A click on a link of the row, or the end of a selection of text, is no click on the row.
        if ((event.target as Element).closest("a, button") || window.getSelection()?.toString()) return;
        open?.current?.(row);
      }}>
      {columns.map((column) => <div role="cell" class={column.kind}>{column.cell(row)}</div>)}
    </div>;
  }
}

export function Table<T>({ label, kind, columns, rows, keyOf, total, onEnd, onOpen, marked }: TableProps<T>) {
  const body = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState({ first: 0, last: 40 });
  const height = useRowHeight();
  const end = useRef(onEnd);
  end.current = onEnd;
  const open = useRef(onOpen);
  open.current = onOpen;

  useLayoutEffect(() => {
    let frame = 0;
    const look = () => {
      frame = 0;
      const top = -(body.current?.getBoundingClientRect().top ?? 0);
      const step = STEP_ROWS * height;
      const first = Math.max(0, Math.floor(top / step) * STEP_ROWS - EXTRA_ROWS);
      const last = Math.min(rows.length, Math.ceil((top + window.innerHeight) / step) * STEP_ROWS + EXTRA_ROWS);
      setSeen((old) => (old.first === first && old.last === last ? old : { first, last }));
      if (last >= rows.length) end.current?.();
    };
    const later = () => (frame ||= requestAnimationFrame(look));
    look();
    window.addEventListener("scroll", later, { passive: true });
    window.addEventListener("resize", later);
    return () => {
      cancelAnimationFrame(frame);
      window.removeEventListener("scroll", later);
      window.removeEventListener("resize", later);
    };
  }, [rows.length, height]);

  const first = Math.min(seen.first, Math.max(0, rows.length - 1));
  return <div class={`table ${kind}`} role="table" aria-label={label} aria-rowcount={(total ?? rows.length) + 1}>
    <div class="table-head" role="rowgroup">
      <div class="row" role="row">
        {columns.map((column) => <div role="columnheader" class={column.kind}>{column.name}</div>)}
      </div>
    </div>
    <div class="table-body" role="rowgroup" ref={body} style={{ height: `${rows.length * height}px` }}>
      {rows.slice(first, seen.last).map((row, i) => <Row key={keyOf(row)} row={row} index={first + i} height={height} columns={columns}
        marked={marked?.(row) ?? false} open={onOpen && open} />)}
    </div>
  </div>;
}
