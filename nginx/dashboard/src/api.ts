/* One request to the gateway. Errors are problem+json, and become a Problem. */

export interface FieldError {
  code: string;
  detail: string;
  pointer?: string;
  parameter?: string;
  line?: number;
  column?: string;
}

export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly title: string,
    readonly detail: string,
    readonly errors: FieldError[] = [],
    readonly requestId = "",
    readonly body: Record<string, unknown> = {},
  ) {
    super(detail || title);
  }

  /** What is wrong with one member of the body, such as "phone_number". */
  of(member: string): string | undefined {
    return this.errors.find((e) => e.pointer === "/" + member || e.parameter === member)?.detail;
  }
}

/* What is to be done when the gateway wants a session: set by session.ts. */
let onUnauthorized: () => void = () => undefined;
export function whenUnauthorized(callback: () => void): void {
  onUnauthorized = callback;
}

async function problemOf(response: Response): Promise<Problem> {
  try {
    const body = await response.json();
    return new Problem(response.status, String(body.code), String(body.title), String(body.detail ?? ""),
      Array.isArray(body.errors) ? body.errors : [], String(body.request_id ?? ""), body);
  } catch {
    return new Problem(response.status, "no_answer", "The gateway did not answer as expected",
      `Its answer has the status ${response.status}. If this stays, look whether all its programs run.`);
  }
}

export interface Options {
  signal?: AbortSignal;
  /** The same key makes the same request only once, however often it is sent. */
  idempotencyKey?: string;
}

async function call<T>(method: string, path: string, body: unknown, options: Options = {}): Promise<T> {
  const headers: Record<string, string> = { "X-Sms-Gateway": "dashboard" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (options.idempotencyKey) headers["Idempotency-Key"] = options.idempotencyKey;
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: options.signal,
      credentials: "same-origin",
      cache: "no-store",
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Problem(0, "unreachable", "The gateway cannot be reached",
      "No answer came. Is it running, and is this machine connected to it?");
  }
  if (!response.ok) {
    const problem = await problemOf(response);
    if (problem.status === 401) onUnauthorized();
    throw problem;
  }
  return (response.status === 204 ? undefined : await response.json()) as T;
}

export const get = <T>(path: string, options?: Options) => call<T>("GET", path, undefined, options);
export const post = <T>(path: string, body?: unknown, options?: Options) => call<T>("POST", path, body, options);
export const patch = <T>(path: string, body: unknown) => call<T>("PATCH", path, body);
export const del = <T>(path: string) => call<T>("DELETE", path, undefined);

/** A path with a query; values that are empty are left out. */
export function path(base: string, query: Record<string, string | number | boolean | null | undefined>): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined && value !== null && value !== "") parameters.set(name, String(value));
  const text = parameters.toString();
  return text ? `${base}?${text}` : base;
}
