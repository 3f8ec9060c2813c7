/* Where the page is: the part of the address after "#/". */
import { Store } from "./store";

export interface Route {
  path: string[];
  query: URLSearchParams;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // typed by hand
  }
}

function parse(hash: string): Route {
  const [path, query] = hash.replace(/^#\/?/, "").split("?", 2) as [string, string?];
  return { path: path.split("/").filter(Boolean).map(decode), query: new URLSearchParams(query) };
}

export const route = new Store<Route>(parse(location.hash));

window.addEventListener("hashchange", () => (route.value = parse(location.hash)));

/** The address of a page: `href("messages", id)`, with a query if there is one. */
export function href(...path: (string | Record<string, string | undefined>)[]): string {
  const words = path.filter((part): part is string => typeof part === "string");
  const query = new URLSearchParams();
  for (const part of path)
    if (typeof part === "object")
      for (const [name, value] of Object.entries(part)) if (value) query.set(name, value);
  const text = query.toString();
  return "#/" + words.map(encodeURIComponent).join("/") + (text ? "?" + text : "");
}

export function go(address: string): void {
  location.hash = address;
}

/** Changes the address without a step in the browser's history. */
export function replace(address: string): void {
  history.replaceState(null, "", address);
  route.value = parse(location.hash);
}
