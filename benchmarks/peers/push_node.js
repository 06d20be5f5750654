// A contestant: node's firebase-admin, `sendEach` over HTTP/2. Arguments: endpoint, authority, token, project, first, count.
const fs = require("fs");
const http2 = require("http2");

const [endpoint, caFile, token, projectId, first, count] = process.argv.slice(2);
// Google's address is written into the library: its connections are led to the stand-in.
const connect = http2.connect;
http2.connect = (_url, options, ...rest) => connect(endpoint, { ...options, ca: fs.readFileSync(caFile) }, ...rest);

const { initializeApp } = require("firebase-admin/app");
const { getMessaging } = require("firebase-admin/messaging");

const NAMES = ["Marie", "José", "Zoë", "Ahmed", "Łukasz", "Anna", "Noah", "Léa"];
const LINK = "https://cafe.example/offers/autumn";

function message(number) {
  const name = NAMES[number % NAMES.length];
  const key = "019a" + number.toString(16).padStart(28, "0");
  return {
    token: `phone${String(number).padStart(7, "0")}:APA91b${"x".repeat(120)}`,
    data: { kind: "campaign", program: "prg_" + "1".repeat(32), campaign: "cmp_" + "2".repeat(32), link: LINK, message_id: key },
    notification: {
      title: `A coffee on us, ${name}`,
      body: `Hello ${name}, you have ${number % 10} stamps: come by until Sunday and the next coffee is ours. See you soon!`,
    },
    android: { collapseKey: key, priority: "high", ttl: 86400000, notification: { tag: key } },
    apns: { headers: { "apns-collapse-id": key, "apns-expiration": "1800000000" } },
    webpush: { headers: { TTL: "86400", Topic: key }, notification: { tag: key }, fcmOptions: { link: LINK } },
    // Its name for the wire: the library leaves this one as it is.
    fcm_options: { analytics_label: "autumn" },
  };
}

async function main() {
  const credential = { getAccessToken: async () => ({ access_token: token, expires_in: 3600 }) };
  const messaging = getMessaging(initializeApp({ credential, projectId }));
  const from = Number(first), until = from + Number(count);
  const warm = await messaging.sendEach(Array.from({ length: 100 }, (_, extra) => message(until + extra)));
  if (warm.failureCount) throw warm.responses.find((one) => one.error).error;
  const batches = [];
  for (let begin = from; begin < until; begin += 500) {
    batches.push(Array.from({ length: Math.min(500, until - begin) }, (_, extra) => message(begin + extra)));
  }
  const began = performance.now(), used = process.cpuUsage();
  let sent = 0;
  for (const batch of batches) sent += (await messaging.sendEach(batch)).successCount;
  const cpu = process.cpuUsage(used);
  console.log(JSON.stringify({
    elapsed: (performance.now() - began) / 1000, cpu: (cpu.user + cpu.system) / 1e6, sent,
    mb: process.resourceUsage().maxRSS / 1024,
  }));
  process.exit(0);
}

main();
