/* Icons: lines in the colour of the text around them. */

const PATHS = {
  overview: "M3 12h4l3-8 4 16 3-8h4",
  messages: "M4 5h16v11H9l-5 4z",
  send: "M21 3 10 14M21 3l-7 18-4-7-7-4z",
  conversations: "M3 4h12v8H8l-5 4zM17 9h4v11l-4-3H9v-2",
  devices: "M7 2h10v20H7zM11 18h2",
  webhooks: "M8 8a4 4 0 1 1 5 4l-3 6M7 13a4 4 0 1 0 3 6h6M16 11a4 4 0 1 1-2 7",
  keys: "M14 10a4 4 0 1 0-4 4l1-1 2 2 2 0 0 2 2 0 0 2 4 0 0-3-7-7",
  limits: "M4 18a9 9 0 1 1 16 0M12 14l4-5",
  docs: "M5 3h11l3 3v15H5zM9 9h6M9 13h6M9 17h4",
  alert: "M12 3 2 20h20zM12 10v4M12 17v.5",
  info: "M12 3a9 9 0 1 0 0 18 9 9 0 1 0 0-18M12 8v.5M12 11v6",
  check: "M4 13l5 5L20 6",
  close: "M5 5l14 14M19 5 5 19",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  menu: "M4 6h16M4 12h16M4 18h16",
  plus: "M12 4v16M4 12h16",
  pause: "M8 5v14M16 5v14",
  play: "M7 4l13 8-13 8z",
  battery: "M3 8h15v8H3zM21 11v2",
  bolt: "M13 2 5 14h6l-1 8 8-12h-6z",
  clock: "M12 3a9 9 0 1 0 0 18 9 9 0 1 0 0-18M12 7v5l3 2",
  reply: "M10 5 4 11l6 6M4 11h9a7 7 0 0 1 7 7v1",
  out: "M5 12h14M13 6l6 6-6 6",
  incoming: "M19 12H5M11 6l-6 6 6 6",
  edit: "M4 20h4L19 9l-4-4L4 16z",
  trash: "M4 6h16M9 6V4h6v2M6 6l1 15h10l1-15",
  refresh: "M20 11a8 8 0 1 0-2 6M20 5v6h-6",
  search: "M10 4a6 6 0 1 0 0 12 6 6 0 1 0 0-12M15 15l6 6",
  file: "M6 2h8l4 4v16H6zM14 2v4h4",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return <svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d={PATHS[name]} /></svg>;
}

/** Four bars for the strength of the network, as phones show it. */
export function Signal({ strength }: { strength: number | null }) {
  const bars = strength === null ? 0 : strength < 0 ? (strength >= -85 ? 4 : strength >= -95 ? 3 : strength >= -105 ? 2 : 1)
    : strength <= 4 ? strength : Math.ceil(strength / 25);
  const text = strength === null ? "unknown" : strength < 0 ? `${strength} dBm` : strength <= 4 ? `${strength} of 4 bars` : `${strength} %`;
  return <span class="signal" title={`Signal: ${text}`}>
    <svg viewBox="0 0 20 16" class="icon" aria-hidden="true">
      {[0, 1, 2, 3].map((i) => <rect x={i * 5} y={11 - i * 3.5} width="3.4" height={5 + i * 3.5} rx="1"
        class={i < bars ? "on" : "off"} />)}
    </svg><span class="signal-text">{text}</span></span>;
}

/** The sign of the gateway; icon.svg is the same for the browser's tab. */
export function Logo() {
  return <svg class="logo" viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8" fill="#1f6feb" />
    <path d="M8 9h16a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2h-9l-5 4v-4H8a2 2 0 0 1-2-2v-8a2 2 0 0 1 2-2z" fill="#fff" />
    <path d="M10 13h12M10 17h8" stroke="#1f6feb" stroke-width="2" stroke-linecap="round" /></svg>;
}
