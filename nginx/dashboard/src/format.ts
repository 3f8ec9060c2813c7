/* Numbers, times and words for people. */

const count = new Intl.NumberFormat("en");
const clock = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const full = new Intl.DateTimeFormat("en", { dateStyle: "full", timeStyle: "long", hourCycle: "h23" });

export const number = (value: number): string => count.format(value);

/** "1 message", "2 messages". */
export const several = (value: number, one: string, many = one + "s"): string => `${number(value)} ${value === 1 ? one : many}`;

export const fullTime = (at: string): string => full.format(new Date(at));

/** The time of today, which is `today.toDateString()`; or the day and the time. */
export function shortTime(at: string, today: string): string {
  const date = new Date(at);
  return (date.toDateString() === today ? clock : day).format(date);
}

/** 0.84 → "0.8 s", 75 → "1 min 15 s", 7300 → "2 h 1 min". */
export function duration(seconds: number): string {
  if (seconds < 0.0995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]] as const;
  const first = units.findIndex(([, length]) => whole >= length);
  let rest = whole;
  return units.slice(first, first + 2).map(([name, length]) => {
    const value = Math.floor(rest / length);
    rest -= value * length;
    return value > 0 ? `${value} ${name}` : "";
  }).filter(Boolean).join(" ");
}

/** "just now", "5 min ago", "in 2 h". */
export function ago(at: string, now: number): string {
  const seconds = (now - Date.parse(at)) / 1000;
  const distance = Math.abs(seconds);
  if (distance < 10) return "just now";
  const text = distance < 60 ? `${Math.round(distance / 10) * 10} s`
    : distance < 5400 ? `${Math.round(distance / 60)} min`
    : distance < 129_600 ? `${Math.round(distance / 3600)} h`
    : `${Math.round(distance / 86_400)} days`;
  return seconds > 0 ? `${text} ago` : `in ${text}`;
}

/** What a person types for a local time becomes RFC 3339 in UTC. */
export const utcOf = (local: string): string => new Date(local).toISOString();

/** A time for <input type=datetime-local>. */
export function localOf(date: Date): string {
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
