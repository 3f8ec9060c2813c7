// Follows the stream of a polled device by an npm package, eventsource2 or eventsource4: follow_smsgate.mjs PACKAGES PACKAGE URL TOKEN.
// It prints a line of JSON for the opening of the stream, and for each event.
import { createRequire } from "node:module"

const [packages, name, url, token] = process.argv.slice(2)
const library = createRequire(packages + "/")(name)
const headers = { Authorization: `Bearer ${token}` }
const say = line => console.log(JSON.stringify(line))

const source = library.EventSource
  ? new library.EventSource(url, { fetch: (address, options) => fetch(address, { ...options, headers: { ...options.headers, ...headers } }) })
  : new library(url, { headers })
source.addEventListener("open", () => say({ open: true }))
source.addEventListener("error", event => say({ error: event.status ?? event.code ?? event.message }))
for (const type of ["MessageEnqueued", "MessageCancelled", "WebhooksUpdated", "SettingsUpdated"])
  source.addEventListener(type, event => say({ type, data: JSON.parse(event.data) }))
