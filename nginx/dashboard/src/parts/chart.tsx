/* A plot of values over time. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { number } from "../format";

export interface Series {
  name: string;
  /** 1 to 5: the colour, from the style sheet. */
  colour: number;
  /** null: the line has a gap; undefined: nothing was said at that time. */
  values: (number | null | undefined)[];
  /** Dots instead of a line. */
  dots?: boolean;
}

interface ChartProps {
  /** What it shows, for those who do not see it. */
  label: string;
  /** Seconds since 1970. */
  times: number[];
  series: Series[];
  format?: (value: number) => string;
  height?: number;
  /** From 1, and each step ten times the one before. */
  logarithmic?: boolean;
  whole?: boolean;
  /** Values may be below 0: the scale is that of the values. */
  negative?: boolean;
}

const DARK = window.matchMedia("(prefers-color-scheme: dark)");
/* Between the times that are written; none of less than a second, which would be written twice. */
const SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 14_400, 21_600, 43_200, 86_400];
const clock = (seconds: number, exactly = false) => new Date(seconds * 1000).toTimeString().slice(0, exactly ? 8 : 5);

function optionsOf({ series, format = number, logarithmic, whole, negative }: ChartProps, width: number, height: number, onCursor: (index: number | null) => void): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const token = (name: string) => style.getPropertyValue(name).trim();
  const rem = parseFloat(style.fontSize);
  const font = `${Math.round(rem * 0.8)}px ${token("--font")}`;
  const axis = { stroke: token("--muted"), font, ticks: { show: false }, grid: { stroke: token("--line"), width: 1 } };
  return {
    width, height,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
    padding: [rem * 0.6, rem * 1.5, 0, 0],
    scales: { x: { time: true }, y: logarithmic ? { distr: 3 } : negative ? {} : { range: (_, __, max) => [0, Math.max(max * 1.1, whole ? 4 : 1)] } },
    axes: [
      { ...axis, grid: { show: false }, size: rem * 2, space: rem * 5, incrs: SECONDS, values: (_, ticks, __, ___, step) => ticks.map((tick) => clock(tick, step < 60)) },
      { ...axis, size: rem * 3.4, space: rem * 2.4, incrs: whole ? [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000] : undefined,
        values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : format(tick))) } as uPlot.Axis,
    ],
    series: [{}, ...series.map((s): uPlot.Series => {
      const stroke = token(`--series-${s.colour}`);
      return s.dots ? { stroke, paths: () => null, points: { show: true, size: 5, fill: stroke, width: 0 } }
        : { stroke, width: 2, points: { show: false } };
    })],
    hooks: { setCursor: [(plot) => onCursor(plot.cursor.idx ?? null)] },
  };
}

export function Chart(props: ChartProps) {
  const { label, times, series, format = number, height = 14 } = props;
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const [cursor, setCursor] = useState<number | null>(null);
  const [look, setLook] = useState(0); // another width, or other colours
  const width = useRef(0); // that it was drawn for
  const data = [times, ...series.map((s) => s.values)] as uPlot.AlignedData;
  const latest = useRef(data);
  latest.current = data;
  const shape = series.map((s) => s.name).join();

  useEffect(() => {
    const again = () => setLook((n) => n + 1);
    const observer = new ResizeObserver(() => place.current?.clientWidth !== width.current && again());
    if (place.current) observer.observe(place.current);
    DARK.addEventListener("change", again);
    return () => {
      observer.disconnect();
      DARK.removeEventListener("change", again);
    };
  }, []);
  useLayoutEffect(() => {
    const element = place.current;
    width.current = element?.clientWidth ?? 0;
    if (!element || width.current === 0) return undefined;
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const made = new uPlot(optionsOf(props, width.current, height * rem, setCursor), latest.current, element);
    plot.current = made;
    return () => made.destroy();
  }, [look, shape, height]);
  useLayoutEffect(() => plot.current?.setData(data), [times, series]);

  const at = cursor === null ? undefined : times[cursor];
  return <figure class="chart">
    <figcaption class="legend-row">
      {series.map((s) => {
        const value = cursor === null ? undefined : s.values[cursor];
        return <span class={`legend-key series-${s.colour}`}>{s.name}{value !== undefined && value !== null && <b> {format(value)}</b>}</span>;
      })}
      {at !== undefined && <span class="muted">at {clock(at)}</span>}
    </figcaption>
    <div class="plot" ref={place} role="img" aria-label={label} />
  </figure>;
}
