/* What limits sending, and stopping all of it. */
import { useState } from "preact/hooks";
import { get } from "../api";
import { number } from "../format";
import { useEvery, useLive, useLoad } from "../load";
import { Ago, Bar, Button, ErrorNote, Foreign, Note, PageHead, WithCode } from "../parts/basic";
import { Dialog } from "../parts/dialog";
import { Field } from "../parts/field";
import { attempt, toast } from "../parts/toast";
import { pauseSending, resumeSending } from "../sending";
import { may } from "../session";
import type { Limits as LimitsData } from "../types";

type Setting = LimitsData["settings"][number];
const shown = (value: Setting["value"]): string => (value === "" || value === null ? "–" : typeof value === "number" ? number(value) : value);
const isDefault = (setting: Setting): boolean => String(setting.value) === String(setting.default);

function Use({ label, used, limit, note }: { label: string; used: number | null; limit: number | null; note: preact.ComponentChildren }) {
  return <div class="card tile"><span class="tile-label">{label}</span>
    <span class="tile-value">{used === null ? "–" : number(used)}<span class="tile-of">{limit ? ` of ${number(limit)}` : ""}</span></span>
    {limit && used !== null ? <Bar value={used} max={limit} label={label} tone={used >= limit ? "bad" : used > 0.8 * limit ? "warn" : "accent"} /> : null}
    <span class="small muted">{limit ? note : "no limit"}</span></div>;
}

function PauseDialog({ onClose }: { onClose: (paused: boolean) => void }) {
  const [reason, setReason] = useState("");
  const [error, setError] = useState<Error>();
  const pause = async () => {
    try {
      await pauseSending(reason.trim());
    } catch (failure) {
      setError(failure as Error);
      return;
    }
    toast("Sending is paused");
    onClose(true);
  };
  return <Dialog title="Pause all sending?" onClose={() => onClose(false)}><form class="stack" onSubmit={(event) => { event.preventDefault(); void pause(); }}>
    <p>No message is accepted, and none is given to a phone, until sending is resumed. Phones still send what they have.</p>
    <Field label="Reason" hint="Shown to everyone who asks why"><input value={reason} maxLength={200} onInput={(event) => setReason(event.currentTarget.value)} /></Field>
    {error && <ErrorNote error={error} />}
    <footer><Button onClick={() => onClose(false)}>Leave it</Button><Button kind="danger" icon="pause" type="submit">Pause sending</Button></footer></form></Dialog>;
}

export function Limits() {
  const { data, error, reload } = useLoad("limits", (signal) => get<LimitsData>("/api/limits", { signal }));
  const [asking, setAsking] = useState(false);
  useLive(reload, (event) => event.type.startsWith("sending."), 500);
  useEvery(reload, 15_000);
  const resume = async () => {
    if (await attempt(resumeSending(), "Sending goes on")) reload();
  };
  return <>
    <PageHead title="Limits" note="What limits the damage of a stolen key, or of a program that runs wild">
      {data && may("sending") && !data.sending.paused && <Button kind="danger" icon="pause" onClick={() => setAsking(true)}>Pause sending</Button>}
    </PageHead>
    <div class="stack">
      {error && <ErrorNote error={error} retry={reload} />}
      {data?.sending.paused && <Note tone="bad" icon="pause" title="Sending is paused"><p>{data.sending.paused_since && <>It began <Ago at={data.sending.paused_since} />. </>}{data.sending.reason && <Foreign text={data.sending.reason} />}</p>
        {may("sending") && <Button icon="play" onClick={resume}>Resume sending</Button>}</Note>}
      {data && <div class="tiles">
        <Use label="Messages today" used={data.today.accepted} limit={data.today.limit} note={<>begins again <Ago at={data.today.resets_at} /></>} />
        <Use label={`In the last ${data.burst.minutes} minutes`} used={data.burst.accepted} limit={data.burst.limit} note="beyond it sending pauses by itself" />
        {data.key && <Use label="Today by this session" used={data.key.accepted} limit={data.key.limit} note="each key has its own" />}
      </div>}
      {data && <section class="card flush" aria-labelledby="settings"><header><h2 id="settings">Settings</h2><span class="muted small">changed in the settings file, on the gateway's machine</span></header>
        <div class="scroll-x" tabIndex={0} role="region" aria-label="Settings"><table class="plain-table settings"><thead><tr><th>Setting</th><th>Value</th><th class="wide-only">Default</th><th>Meaning</th></tr></thead>
          <tbody>{data.settings.map((setting) => <tr class={isDefault(setting) ? "" : "changed"}><td><code>{setting.name}</code></td>
            <td><Foreign text={shown(setting.value)} />{setting.unit && <span class="muted"> {setting.unit}</span>}</td>
            <td class="wide-only muted">{isDefault(setting) ? "same" : shown(setting.default)}</td><td><WithCode text={setting.meaning} /></td></tr>)}</tbody></table></div></section>}
    </div>
    {asking && <PauseDialog onClose={(paused) => { setAsking(false); if (paused) reload(); }} />}
  </>;
}
