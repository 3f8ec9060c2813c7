/* The frame around every page: navigation, the state of the connection, and signing in. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { connection } from "./live";
import { Connect } from "./pages/connect";
import { Conversations } from "./pages/conversations";
import { Devices } from "./pages/devices";
import { Keys } from "./pages/keys";
import { Limits } from "./pages/limits";
import { Messages } from "./pages/messages";
import { Overview } from "./pages/overview";
import { Send } from "./pages/send";
import { SignIn } from "./pages/sign_in";
import { SimulatedPhone } from "./pages/simulated_phone";
import { Webhooks } from "./pages/webhooks";
import { Boundary } from "./parts/boundary";
import { Button, Empty, LinkButton, PageHead } from "./parts/basic";
import { Icon, Logo, type IconName } from "./parts/icon";
import { Toasts, attempt } from "./parts/toast";
import { href, route, type Route } from "./router";
import { access, signOut } from "./session";
import { PhoneChip } from "./simulated_phone/chip";
import { useStore } from "./store";

interface Page {
  path: string;
  name: string;
  icon: IconName;
  /** All of these are needed to see it. */
  scopes: string[];
  draw: (route: Route) => JSX.Element;
  /** The page of the navigation that it belongs to, if it is none itself. */
  under?: string;
}

const PAGES: Page[] = [
  { path: "", name: "Overview", icon: "overview", scopes: ["read"], draw: () => <Overview /> },
  { path: "messages", name: "Messages", icon: "messages", scopes: ["read"], draw: (at) => <Messages route={at} /> },
  { path: "send", name: "Send", icon: "send", scopes: ["send"], draw: (at) => <Send route={at} /> },
  { path: "conversations", name: "Conversations", icon: "conversations", scopes: ["read", "inbox"], draw: (at) => <Conversations route={at} /> },
  { path: "devices", name: "Devices", icon: "devices", scopes: ["devices"], draw: (at) => <Devices route={at} /> },
  { path: "connect", name: "Connect a phone", icon: "devices", scopes: ["devices", "pair"], under: "devices", draw: () => <Connect /> },
  { path: "simulated-phone", name: "Simulated phone", icon: "devices", scopes: [], under: "devices", draw: () => <SimulatedPhone /> },
  { path: "webhooks", name: "Webhooks", icon: "webhooks", scopes: ["webhooks"], draw: (at) => <Webhooks route={at} /> },
  { path: "keys", name: "Keys", icon: "keys", scopes: ["keys"], draw: () => <Keys /> },
  { path: "limits", name: "Limits", icon: "limits", scopes: ["read"], draw: () => <Limits /> },
];

function Live() {
  const state = useStore(connection);
  const text = { open: "Live", connecting: "Connecting", lost: "Connection lost, trying again", refused: "Not live" }[state];
  return <span class={`live ${state}`} role="status">{text}</span>;
}

function Navigation({ current, open, onGo }: { current: string; open: boolean; onGo: () => void }) {
  const { session } = useStore(access);
  return <nav class={open ? "navigation open" : "navigation"} id="navigation" aria-label="Pages"><div>
    {PAGES.filter((page) => !page.under).map((page) => {
      const allowed = page.scopes.every((scope) => session?.scopes.includes(scope));
      return allowed && <a href={href(page.path)} aria-current={page.path === current ? "page" : undefined} onClick={onGo}>
        <Icon name={page.icon} />{page.name}</a>;
    })}
    <a href="/docs" class="apart"><Icon name="docs" />REST API</a>
    {session?.required && <button type="button" onClick={() => attempt(signOut())}><Icon name="out" />Sign out</button>}
    <p class="version">{session && `Version ${session.version}`}</p>
  </div></nav>;
}

function Missing() {
  return <><PageHead title="No such page" />
    <Empty icon="search" title="There is nothing at this address"><LinkButton to="#/">Go to the overview</LinkButton></Empty></>;
}

function Refused({ page, scopes }: { page: Page; scopes: string[] }) {
  return <><PageHead title={page.name} />
    <Empty icon="keys" title="Your session may not see this page">
      <p>It needs the {scopes.length > 1 ? "scopes" : "scope"} {scopes.map((scope, i) => <>{i > 0 && ", "}<code>{scope}</code></>)}. A link
        with more scopes is made on the gateway's machine:</p>
      <p><code>sms-gateway dashboard --scopes …</code></p>
    </Empty></>;
}

function Inside() {
  const at = useStore(route);
  const { session } = useStore(access);
  const [menu, setMenu] = useState(false);
  const first = at.path[0] ?? "";
  const page = PAGES.find((candidate) => candidate.path === first);
  useEffect(() => {
    window.scrollTo(0, 0);
    document.querySelector<HTMLElement>("main h1")?.focus({ preventScroll: true });
  }, [first]);
  useEffect(() => {
    const close = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      setMenu(false);
      document.querySelector<HTMLElement>(".top .menu")?.focus();
    };
    if (menu) window.addEventListener("keydown", close);
    return () => window.removeEventListener("keydown", close);
  }, [menu]);
  const missing = page?.scopes.filter((scope) => !session?.scopes.includes(scope)) ?? [];
  return <div class="frame">
    <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.querySelector<HTMLElement>("main h1")?.focus(); }}>
      Skip to the page</a>
    <header class="top">
      <button type="button" class="icon-button menu" aria-label="Pages" aria-expanded={menu} aria-controls="navigation"
        onClick={() => setMenu(!menu)}><Icon name={menu ? "close" : "menu"} /></button>
      <a class="brand" href="#/"><Logo />SMS gateway</a>
      <PhoneChip />
      <Live />
    </header>
    <Navigation current={page?.under ?? first} open={menu} onGo={() => setMenu(false)} />
    <main id="main" key={first}>
      <Boundary>{!page ? <Missing /> : missing.length > 0 ? <Refused page={page} scopes={missing} /> : page.draw(at)}</Boundary>
    </main>
  </div>;
}

export function App() {
  const { state, problem, session } = useStore(access);
  return <>
    {state === "in" ? <Inside /> : state === "out" ? <SignIn problem={problem} session={session} /> :
      <div class="waiting" role="status">{state === "loading" ? "Connecting to the gateway …" : <>
        <h1>The gateway does not answer</h1><p>{problem?.detail}</p><p>Trying again.</p>
        <Button onClick={() => location.reload()}>Load the page again</Button></>}</div>}
    <Toasts />
  </>;
}
