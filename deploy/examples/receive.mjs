#!/usr/bin/env node
// Receives a webhook and prints each event once; needs Node.js 18 or later: WEBHOOK_SECRET=whsec_… receive.mjs [PORT]

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const secret = Buffer.from(process.env.WEBHOOK_SECRET.replace(/^whsec_/, ""), "base64");
const mostSeconds = 300; // an older request may have been recorded by someone else
const mostBytes = 1 << 20;

const seen = new Set(); // yours should survive a restart: a table with a unique column

// Standard Webhooks 1.0: while the secret is being changed there are two signatures.
function isGenuine(headers, body) {
  const { "webhook-id": id = "", "webhook-timestamp": sentAt = "", "webhook-signature": given = "" } = headers;
  if (!/^\d+$/.test(sentAt) || Math.abs(Date.now() / 1000 - Number(sentAt)) > mostSeconds) return false;
  const expected = Buffer.from(
    "v1," + createHmac("sha256", secret).update(`${id}.${sentAt}.`).update(body).digest("base64"),
  );
  return given.split(" ").some((signature) => {
    const bytes = Buffer.from(signature);
    return bytes.length === expected.length && timingSafeEqual(bytes, expected);
  });
}

async function read(request) {
  const pieces = [];
  let length = 0;
  for await (const piece of request) {
    length += piece.length;
    if (length > mostBytes) throw new Error("the body is too large");
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

const server = createServer(async (request, response) => {
  try {
    const body = await read(request);
    if (request.method !== "POST" || !isGenuine(request.headers, body)) return response.writeHead(401).end();
    // The gateway sends an event again, with the same id, until it hears a 2xx.
    const id = request.headers["webhook-id"];
    if (!seen.has(id)) {
      const { timestamp, type, data } = JSON.parse(body);
      console.log(timestamp, type, JSON.stringify(data));
      seen.add(id);
    }
    response.writeHead(204).end();
  } catch (error) {
    console.error(error.message);
    response.writeHead(500).end();
  }
});

server.listen(Number(process.argv[2] ?? 9000), "127.0.0.1", () =>
  console.log(`listening on http://127.0.0.1:${server.address().port}/`));
