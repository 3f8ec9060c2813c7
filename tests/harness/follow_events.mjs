// Follows the events of a gateway by the npm package eventsource: follow_events.mjs PACKAGES URL. It prints a line of JSON for each
// event, for each opening of the stream, and for each request the id after which the library resumes.
import { createRequire } from "node:module"
import { setTimeout as delay } from "node:timers/promises"

const [packages, url] = process.argv.slice(2)
const { EventSource } = createRequire(packages + "/")("eventsource")
const say = line => console.log(JSON.stringify(line))

// While the broker is down nginx answers 502, which ends an EventSource for good. So an answer that is no stream never gets there.
async function fetchUntilServed(address, options) {
  say({ resumes_after: options.headers["Last-Event-ID"] ?? null })
  for (;;) {
    const answer = await fetch(address, options).catch(() => null)
    if (answer?.status === 200)
      return answer
    await answer?.body?.cancel()
    await delay(50)
  }
}

const source = new EventSource(url, { fetch: fetchUntilServed })
source.addEventListener("open", () => say({ open: source.readyState === EventSource.OPEN }))
for (const type of ["start", "reset", "message.cancelled"])
  source.addEventListener(type, event => say({ type, id: Number(event.lastEventId), data: JSON.parse(event.data) }))
