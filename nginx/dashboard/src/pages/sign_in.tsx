import type { Problem } from "../api";
import { Copyable, Note } from "../parts/basic";
import { Logo } from "../parts/icon";
import { useEffect } from "preact/hooks";
import type { Session } from "../session";

export function SignIn({ problem, session }: { problem?: Problem; session?: Session }) {
  useEffect(() => {
    document.title = "Sign in · SMS gateway";
  }, []);
  return <main class="sign-in">
    <Logo />
    <h1>Sign in to the SMS gateway</h1>
    {problem && <Note tone="warn" title={problem.title}><p><bdi>{problem.detail}</bdi></p></Note>}
    <p>There is no password. On the gateway's machine, run</p>
    <p><Copyable text="sms-gateway dashboard" label="the command" /></p>
    <p>and open the link that it prints in this browser. A link works once, for a few minutes. Gateways from a source folder have the
      command as <code>build/sms-gateway</code>, installed ones as <code>sudo sms-gateway</code>.</p>
    <p class="muted small"><a href="/docs">REST API</a>{session && <> · version {session.version}</>}</p>
  </main>;
}
