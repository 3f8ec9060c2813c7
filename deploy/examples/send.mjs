#!/usr/bin/env node
// Sends one SMS, follows it, and lists the newest messages; needs Node.js 18 or later: send.mjs NUMBER TEXT

import { randomUUID } from "node:crypto";

const gateway = process.env.GATEWAY_URL ?? "http://localhost:8000";
const final = ["delivered", "failed", "expired", "cancelled", "unknown"];

async function api(path, body) {
  const headers = { "Content-Type": "application/json" };
  if (process.env.API_KEY) headers.Authorization = `Bearer ${process.env.API_KEY}`;
  // The same each time, so that one message is created.
  if (body) headers["Idempotency-Key"] = randomUUID();
  for (let tries = 1; ; tries++) {
    try {
      const answer = await fetch(gateway + path, {
        method: body ? "POST" : "GET",
        headers,
        body: body && JSON.stringify(body),
      });
      const found = await answer.json();
      if (answer.ok) return found;
      if (![502, 503, 504].includes(answer.status) || tries === 5) {
        // Every error is a JSON object (RFC 9457).
        console.error(`${found.status} ${found.code}: ${JSON.stringify(found.errors) ?? found.detail}`);
        process.exit(1);
      }
    } catch (error) {
      // No answer.
      if (tries === 5) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

const [number, text] = process.argv.slice(2);
const { message_id } = await api("/api/send-sms", { phone_number: number, message: text });
console.log("accepted:", message_id);

let status;
for (let tries = 0; tries < 60; tries++) {
  ({ status } = await api(`/api/sms/${message_id}`));
  if (final.includes(status)) break;
  await new Promise((resolve) => setTimeout(resolve, 1000));
}
console.log("status:", status);

for (const message of (await api("/api/sms?limit=5")).messages)
  console.log(message.created_at, message.phone_number, message.status);
