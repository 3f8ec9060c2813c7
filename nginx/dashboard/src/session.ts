/* Who looks at this page: nobody in particular where the gateway asks for no keys, or a session made by a link of the host. */
import { del, get, post, Problem, whenUnauthorized } from "./api";
import { startLive, stopLive } from "./live";
import { replace } from "./router";
import { Store } from "./store";

export interface Session {
  required: boolean;
  signed_in: boolean;
  session_id: string | null;
  label: string | null;
  scopes: string[];
  expires_at: string | null;
  version: string;
}

export interface Access {
  state: "loading" | "in" | "out" | "unreachable";
  session?: Session;
  /** Why the page is not, or no longer, signed in. */
  problem?: Problem;
}

export const access = new Store<Access>({ state: "loading" });

export const may = (scope: string): boolean => access.value.session?.scopes.includes(scope) ?? false;

function enter(session: Session, problem?: Problem): void {
  const inside = !session.required || session.signed_in;
  access.value = { state: inside ? "in" : "out", session, problem };
  if (inside) startLive();
  else stopLive();
}

/** The token of a link from the host. It leaves the address at once, before anything can see it. */
function takeToken(): string | undefined {
  const token = /^#sign-in=(.+)$/.exec(location.hash)?.[1];
  if (token) replace("#/");
  return token;
}

export async function enterPage(): Promise<void> {
  const token = takeToken();
  let problem: Problem | undefined;
  try {
    if (token) enter(await post<Session>("/api/session", { token }));
    if (token) return;
  } catch (error) {
    problem = error as Problem;
  }
  try {
    enter(await get<Session>("/api/session"), problem);
  } catch (error) {
    access.value = { state: "unreachable", problem: error as Problem };
    window.setTimeout(enterPage, 3000);
  }
}

export async function signOut(): Promise<void> {
  await del("/api/session");
  const { session } = access.value;
  if (session) enter({ ...session, signed_in: false, scopes: [] });
}

whenUnauthorized(() => {
  const { state, session } = access.value;
  if (state !== "in") return;
  stopLive();
  access.value = { state: "out", session,
    problem: new Problem(401, "session_invalid", "You are signed out", "The session has ended, or was revoked.") };
});

// A link that is opened while the page is there already.
window.addEventListener("hashchange", () => location.hash.startsWith("#sign-in=") && void enterPage());
