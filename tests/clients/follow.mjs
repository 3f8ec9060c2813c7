// Follows the events of a gateway by the npm package eventsource, and prints each as a line of JSON. It resumes by itself; only
// after an answer that is an error, as nginx's while the broker is down, it has to be opened once more.
import { createRequire } from "node:module"
const { EventSource } = createRequire(process.cwd() + "/")("eventsource")

let lastId = null

function follow() {
  const source = new EventSource(process.argv[2] + (lastId ? `&last_event_id=${lastId}` : ""))
  const show = event => {
    lastId = event.lastEventId
    console.log(JSON.stringify({ type: event.type, id: event.lastEventId, data: JSON.parse(event.data) }))
  }
  for (const type of ["start", "reset", "message.cancelled"])
    source.addEventListener(type, show)
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED)
      setTimeout(follow, 100)
  })
}

follow()
