// The page behind a poster's QR code: asks the public API for a card and shows it; keeps it on this phone.

const form = document.querySelector("form");
const join = document.getElementById("join");
const card = document.getElementById("card");
const contact = form.elements.contact;
const trouble = form.querySelector(".trouble");
const submit = form.querySelector("button");
const place = `assidu:card:${form.dataset.slug}`;
const WAIT_MS = 20000;
// One whose wallet is not on this phone is of no use here; elsewhere people choose.
const ELSEWHERE = /android/i.test(navigator.userAgent) ? "apple" : /iphone|ipad|ipod/i.test(navigator.userAgent) ? "google" : "";

// A repeat of the same form under the same key gives the same card; another form is another request.
let asked = { body: "", key: "" };

function word(name) {
  return document.querySelector(`#words [data-word="${name}"]`).textContent;
}

function kindOfContact() {
  const text = contact.value.trim();
  if (text === "") return null;
  return text.includes("@") || !/\d/.test(text) ? "email" : "phone";
}

function showBoxes() {
  const kind = kindOfContact();
  for (const [name, wanted] of [["email", "email"], ["sms", "phone"]]) {
    const box = form.elements[name];
    box.closest("label").hidden = kind !== wanted;
    if (kind !== wanted) box.checked = false;
  }
}

function body() {
  const found = { locale: form.dataset.locale };
  const name = form.elements.first_name.value.trim();
  const kind = kindOfContact();
  if (name) found.first_name = name;
  if (kind) found[kind] = contact.value.trim();
  const consents = ["push", "email", "sms"].filter((channel) => form.elements[channel].checked);
  if (consents.length) {
    found.consents = consents.map((channel) => (
      { channel, purpose: "offers", granted: true, text_version: form.dataset.text }
    ));
  }
  return found;
}

function keyFor(text) {
  if (asked.body !== text) {
    const bytes = crypto.getRandomValues(new Uint8Array(20));
    asked = { body: text, key: Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("") };
  }
  return asked.key;
}

function clear() {
  trouble.hidden = true;
  for (const input of [form.elements.first_name, contact]) mark(input, null);
}

function mark(input, text) {
  const error = document.getElementById(`${input.id}-error`);
  const described = [input.id === "contact" ? "contact-hint" : "", text ? error.id : ""].join(" ").trim();
  error.hidden = text === null;
  error.textContent = text ?? "";
  input.toggleAttribute("aria-invalid", false);
  if (text) input.setAttribute("aria-invalid", "true");
  if (described) input.setAttribute("aria-describedby", described);
  else input.removeAttribute("aria-describedby");
}

function complain(text) {
  trouble.textContent = text;
  trouble.hidden = false;
  trouble.focus();
}

function blame(errors) {
  const wrong = { "#/first_name": [form.elements.first_name, "name_wrong"], "#/email": [contact, "email_wrong"],
    "#/phone": [contact, "phone_wrong"] };
  const found = errors.map((error) => wrong[error.pointer]).filter(Boolean);
  for (const [input, name] of found) mark(input, word(name));
  if (found.length) found[0][0].focus();
  else complain(word("trouble"));
}

function explain(status, problem, retryAfter) {
  if (problem.code === "already-member") return complain(word("already"));
  if (status === 422 && problem.errors) return blame(problem.errors);
  if (status === 429) {
    const seconds = Number(retryAfter) || 60;
    return complain(word("busy").replace("{minutes}", String(Math.ceil(seconds / 60))));
  }
  if (status === 404) return complain(word("gone"));
  if (status >= 500) return complain(word("later"));
  return complain(word("trouble"));
}

async function ask(event) {
  event.preventDefault();
  if (submit.getAttribute("aria-disabled") === "true") return;
  clear();
  const text = JSON.stringify(body());
  const label = submit.textContent;
  submit.setAttribute("aria-disabled", "true");
  submit.textContent = word("sending");
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), WAIT_MS);
  try {
    const answer = await fetch(`/v1/join/${encodeURIComponent(form.dataset.slug)}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "Idempotency-Key": keyFor(text) },
      body: text,
      credentials: "omit",
      signal: patience.signal,
    });
    const said = await answer.json();
    if (answer.ok) {
      const made = {
        number: said.card.number, svg: said.card.qr_svg, name: said.member.first_name ?? "", lone: kindOfContact() === null,
        wallets: said.wallets,
      };
      keep(made);
      show(made);
      form.reset();
      showBoxes();
      asked = { body: "", key: "" };
    } else {
      explain(answer.status, said, answer.headers.get("Retry-After"));
    }
  } catch {
    // No answer, or none of ours: the key stays, so that trying again cannot make a second card.
    complain(word("network"));
  } finally {
    clearTimeout(timer);
    submit.removeAttribute("aria-disabled");
    submit.textContent = label;
  }
}

function keep(made) {
  try {
    localStorage.setItem(place, JSON.stringify(made));
  } catch {
    // Without storage the picture is what stays.
  }
}

function kept() {
  try {
    const made = JSON.parse(localStorage.getItem(place));
    return typeof made?.svg === "string" && typeof made.number === "string" ? made : null;
  } catch {
    return null;
  }
}

function offerWallets(made) {
  for (const button of card.querySelectorAll("form[data-wallet]")) {
    const found = (made.wallets ?? []).find((one) => one.platform === button.dataset.wallet);
    button.hidden = !found || found.platform === ELSEWHERE || Date.parse(found.expires_at) <= Date.now();
    if (button.hidden) continue;
    button.action = new URL(found.url).pathname;
    button.onsubmit = () => forgetWallet(made, found);
  }
}

// A link works once: its button goes as soon as it is on its way.
function forgetWallet(made, used) {
  made.wallets = made.wallets.filter((one) => one !== used);
  keep(made);
  setTimeout(() => offerWallets(made), 1000);
}

function show(made) {
  offerWallets(made);
  const heading = card.querySelector("h1");
  if (made.name) heading.textContent = word("welcome").replace("{name}", made.name);
  card.querySelector("img").src = `data:image/svg+xml,${encodeURIComponent(made.svg)}`;
  card.querySelector("strong").textContent = made.number;
  document.getElementById("only").hidden = !made.lone;
  join.hidden = true;
  card.hidden = false;
  scrollTo(0, 0);
  heading.focus();
}

async function picture() {
  const image = card.querySelector("img");
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = 720;
  canvas.height = 860;
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingEnabled = false;
  pen.drawImage(image, 30, 90, 660, 660);
  pen.fillStyle = "#000";
  pen.textAlign = "center";
  pen.font = "bold 40px system-ui, sans-serif";
  pen.fillText(document.querySelector(".program").textContent, 360, 80, 680);
  pen.font = "32px system-ui, sans-serif";
  pen.fillText(card.querySelector("strong").textContent, 360, 800, 680);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

async function save() {
  const file = new File([await picture()], `${form.dataset.slug}.png`, { type: "image/png" });
  if (navigator.canShare?.({ files: [file] }) && matchMedia("(pointer: coarse)").matches) {
    try {
      await navigator.share({ files: [file] });
    } catch {
      // Thought better of.
    }
    return;
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = file.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

function forget() {
  try {
    localStorage.removeItem(place);
  } catch {
    // Nothing was kept.
  }
  location.reload();
}

form.addEventListener("submit", ask);
contact.addEventListener("input", showBoxes);
document.getElementById("save").addEventListener("click", save);
document.getElementById("forget").addEventListener("click", forget);
showBoxes();
const before = kept();
if (before) show(before);
