/* Connecting a phone: what to do with each kind of it, and whether it is there. */
import { useEffect, useState } from "preact/hooks";
import { get, post } from "../api";
import { useEvery, useLive, useLoad } from "../load";
import { Ago, Button, Copyable, ErrorNote, Foreign, LinkButton, Note, PageHead, useNow } from "../parts/basic";
import { Field, Tabs } from "../parts/field";
import { QrCode } from "../parts/qr_code";
import { href } from "../router";
import type { Device, DeviceList, Pairing } from "../types";
import { nameOf } from "./device_parts";

const KINDS = [["smsgate", "Android: SMSGate"], ["app", "Another app"], ["browser", "Simulated, in this browser"], ["terminal", "Simulated, in a terminal"]] as const;
type Kind = (typeof KINDS)[number][0];

function Steps({ kind, pairing }: { kind: Kind; pairing: Pairing }) {
  if (kind === "terminal") return <ol class="steps">
    <li>On the gateway's machine, in its folder, run<p><Copyable label="the command" text={`build/phone-sim --pair '${pairing.uri}'`} /></p></li>
    <li>It pairs itself, connects, and reports each SMS as sent and delivered. It sends nothing for real.</li></ol>;
  if (kind === "smsgate") return <ol class="steps">
    <li>Install the app <a href="https://github.com/capcom6/android-sms-gateway/releases">SMSGate</a> (“SMS Gateway
      for Android”) on the phone. Allow it to send and receive SMS, and to run without battery restrictions.</li>
    <li>In the app, open Settings, then Cloud Server, and type<dl class="facts">
      <dt>API URL</dt><dd><Copyable text={`${pairing.url}/api/mobile/v1`} label="the address" /></dd>
      <dt>Private token</dt><dd><Copyable text={pairing.code} label="the code" /></dd>
      <dt>Notification channel</dt><dd>SSE only</dd></dl></li>
    <li>Go back to Home, switch Cloud server on, and tap the button “Offline”. When the app asks, choose “Sign up”. The code may be typed
      there too, on the tab “Code”, by its digits alone: <Copyable text={pairing.code.replaceAll("-", "")} label="the digits" /></li>
    <li>Does it stay offline? <a href="/docs/phones.html">Connect your Android phone</a> says why.</li></ol>;
  return <div class="pairing">
    <QrCode rows={pairing.qr} label="Pairing code" />
    <ol class="steps">
      <li>Install an app that speaks <a href="/docs/protocol.html">the device protocol</a> of this gateway, as your own may.</li>
      <li>Scan the code with it. Or type the address and the code:<dl class="facts"><dt>Address</dt><dd><Copyable text={pairing.url} label="the address" /></dd>
        <dt>Code</dt><dd><Copyable text={pairing.code} label="the code" /></dd></dl></li>
      <li>Allow the app to send and receive SMS, and to run in the background without battery restrictions.</li>
    </ol></div>;
}

/** Why no phone may get here. */
function Reach({ url, kind }: { url: string; kind: Kind }) {
  const { hostname, protocol } = new URL(url);
  if (kind === "terminal") return null;
  if (["127.0.0.1", "localhost", "[::1]"].includes(hostname)) return <Note tone="warn" title="Only this machine reaches the gateway">
    <p>Open it to your network first, in its folder: <code>make lan-certificate</code>, then <code>LISTEN_ADDRESS=0.0.0.0 make run</code>.
      {" "}<a href="/docs/tls.html">Certificates</a></p></Note>;
  return protocol === "http:" && kind === "smsgate" ? <Note tone="warn" title="The app refuses plain HTTP"><p>Give the gateway <a href="/docs/tls.html">a certificate</a> first.</p></Note> : null;
}

/** The phone that has come since the code was made. */
function Arrival({ since, pairing }: { since: number; pairing: Pairing }) {
  const { data, reload } = useLoad("arrival", (signal) => get<DeviceList>("/api/devices", { signal }));
  useLive(reload, (event) => event.type.startsWith("device."), 500);
  useEvery(reload, 3000); // pairing itself is no event
  const now = useNow();
  const isNew = (device: Device) => pairing.device_id ? device.device_id === pairing.device_id : Date.parse(device.paired_at ?? device.connected_at ?? "") >= since;
  const come = data?.devices.filter((device) => isNew(device) && (Date.parse(device.connected_at ?? "") >= since || Date.parse(device.paired_at ?? "") >= since));
  const device = come?.find((candidate) => candidate.connected) ?? come?.[0];
  if (device?.connected) return <Note tone="good" title={<><Foreign text={nameOf(device)} /> is connected</>}>
    <p>It may be given messages now.</p><LinkButton kind="primary" icon="send" to={href("send")}>Send an SMS</LinkButton></Note>;
  if (device) return <Note tone="info" title={<><Foreign text={nameOf(device)} /> is paired</>}><p>It has its token and should connect at any moment.</p></Note>;
  return Date.parse(pairing.expires_at) < now ? <Note tone="warn" title="The code has expired"><p>Make a new one.</p></Note>
    : <p class="waiting-line" role="status"><span class="spinner" /><span>Waiting for the phone. The code works once, and ends <Ago at={pairing.expires_at} />.</span></p>;
}

export function Connect() {
  const [kind, setKind] = useState<Kind>("smsgate");
  const [pairing, setPairing] = useState<{ made: Pairing; since: number }>();
  const [error, setError] = useState<Error>();
  const [groups, setGroups] = useState("");
  const make = async () => {
    setError(undefined);
    try {
      const wanted = groups.split(/[\s,]+/).filter(Boolean);
      const made = await post<Pairing>("/api/pairings", { ...(wanted.length > 0 && { groups: wanted }), ...(kind === "smsgate" && { digits: true }) });
      setPairing({ made, since: Date.parse(made.expires_at) - 10 * 60_000 - 2000 });
    } catch (failure) {
      setError(failure as Error);
    }
  };
  useEffect(() => setPairing(undefined), [kind]);
  return <>
    <PageHead title="Connect a phone" note="SMS are sent by phones that are connected to this gateway."><LinkButton to={href("devices")}>All devices</LinkButton></PageHead>
    <div class="stack">
      <Tabs label="Kind of phone" tabs={KINDS} current={kind} onChange={setKind} />
      <section class="card stack connect">
        {kind === "browser" ? <>
          <p>A simulated phone in this browser shows the SMS that it is given as a phone would, and lets you answer them. It sends nothing for real.</p>
          <p><LinkButton kind="primary" to={href("simulated-phone")}>Open the simulated phone</LinkButton></p></>
          : pairing ? <><Reach url={pairing.made.url} kind={kind} /><Steps kind={kind} pairing={pairing.made} /><Arrival since={pairing.since} pairing={pairing.made} />
            <div class="actions"><Button icon="refresh" onClick={make}>New code</Button></div></>
          : <><p>{kind === "smsgate" ? "SMSGate is an app for Android that lets its user enter another server's address: that of this gateway, with a pairing code."
              : kind === "app" ? "A pairing code gives a phone its token. It is shown as a QR code, and works once, within ten minutes."
              : "phone-sim, which is built with the gateway, plays any number of phones. It takes a pairing code as a link."}</p>
            <Field label="Groups (optional)" hint="Labels for the new phone, with commas between them"><input value={groups} onInput={(event) => setGroups(event.currentTarget.value)} /></Field>
            <div class="actions"><Button kind="primary" onClick={make}>Make a pairing code</Button></div></>}
        {error && <ErrorNote error={error} />}
      </section>
    </div>
  </>;
}
