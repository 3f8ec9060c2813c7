// Makes every call of the npm package android-sms-gateway, with an HTTP client over fetch: smsgate_client.mjs PACKAGES BASE_URL KEY
// DEVICE WEBHOOK_URL. It prints one line of JSON: the answer of each call, by its name, or the status of one that was refused.
import { createRequire } from "node:module"

const [packages, baseUrl, key, device, webhookUrl] = process.argv.slice(2)
const { default: Client, WebHookEventType } = createRequire(packages + "/")("android-sms-gateway")

async function ask(method, url, headers, body) {
  const answer = await fetch(url, { method, headers, body: body && JSON.stringify(body) })
  const text = await answer.text()
  if (!answer.ok)
    throw Object.assign(new Error(text), { status: answer.status })
  return text ? JSON.parse(text) : null
}

const http = {
  get: (url, headers) => ask("GET", url, headers),
  post: (url, body, headers) => ask("POST", url, headers, body),
  put: (url, body, headers) => ask("PUT", url, headers, body),
  patch: (url, body, headers) => ask("PATCH", url, headers, body),
  delete: (url, headers) => ask("DELETE", url, headers),
}
const client = new Client("whoever", key, http, baseUrl)
const answers = {}
const settings = { messages: { sendIntervalMin: 1 }, ping: { intervalSeconds: 60 }, webhooks: { signingKey: "ignored" } }
const message = { id: null, message: "from npm", phoneNumbers: ["+491700000001"], ttl: null, simNumber: null, withDeliveryReport: null }
const calls = {
  getHealth: () => client.getHealth(),
  getDevices: () => client.getDevices(),
  send: () => client.send(message),
  sendUnchecked: () => client.send({ ...message, id: "npm-1" }, { skipPhoneValidation: true }),
  sendAgain: () => client.send({ ...message, id: "npm-1" }),
  getState: () => client.getState(answers.send.id),
  registerWebhook: () => client.registerWebhook({ id: null, event: WebHookEventType.SmsSent, url: webhookUrl }),
  getWebhooks: () => client.getWebhooks(),
  deleteWebhook: () => client.deleteWebhook(answers.registerWebhook.id),
  exportInbox: () => client.exportInbox({ deviceId: device, since: new Date(0), until: new Date() }),
  getLogs: () => client.getLogs(new Date(0), new Date()),
  getSettings: () => client.getSettings(),
  updateSettings: () => client.updateSettings(settings),
  patchSettings: () => client.patchSettings(settings),
  deleteDevice: () => client.deleteDevice(device),
}
for (const [name, call] of Object.entries(calls))
  answers[name] = await call().catch(error => error.status ?? String(error))
console.log(JSON.stringify(answers))
