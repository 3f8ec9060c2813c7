// Follows the events of a gateway by the npm package eventsource, and prints each as a line of JSON.
import { createRequire } from "node:module"
const { EventSource } = createRequire(process.cwd() + "/")("eventsource")

const show = event =>
  console.log(JSON.stringify({ type: event.type, id: event.lastEventId, data: JSON.parse(event.data) }))
const source = new EventSource(process.argv[2])
for (const type of ["start", "reset", "message.cancelled"])
  source.addEventListener(type, show)
