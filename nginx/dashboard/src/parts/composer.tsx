/* A text, and how many SMS it is. */
import { Field } from "./field";
import { several } from "../format";
import { transliterate } from "../transliteration";
import { beyondGsm7, countSegments } from "../segments";

/** `replacing`: as it is counted after typographic characters were replaced. */
export function SegmentCount({ text: written, replacing }: { text: string; replacing?: boolean }) {
  const text = replacing ? transliterate(written) : written;
  const { encoding, units, segments, left } = countSegments(text);
  const beyond = encoding === "UCS-2" ? beyondGsm7(text) : [];
  return <span class="segment-count" aria-live="polite">
    <strong class={segments > 1 ? "several" : ""}>{several(segments, "segment")}</strong> · {encoding} · {units} of {units + left}
    {beyond.length > 0 && <> · {beyond.length > 4 ? `${beyond.length} characters` : beyond.map((character) => <bdi class="beyond">{character}</bdi>)} that GSM-7 lacks</>}
    {text !== written && <> · typographic characters are replaced</>}
  </span>;
}

export function Composer({ label, text, onText, error, hint, rows = 5, replacing }:
  { label: string; text: string; replacing?: boolean; onText: (text: string) => void; error?: string; hint?: string; rows?: number }) {
  return <div class="composer">
    <Field label={label} error={error} hint={hint} wide><textarea rows={rows} dir="auto" value={text} onInput={(event) => onText(event.currentTarget.value)} /></Field>
    <SegmentCount text={text} replacing={replacing} />
  </div>;
}
