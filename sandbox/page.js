const SHOWN = 60;
const INTERVAL = 1000;
const element = (id) => document.getElementById(id);

async function control(method, path, content) {
  const options = content === undefined ? { method } : { method, body: JSON.stringify(content) };
  const answer = await fetch(`/control/${path}`, options);
  const text = await answer.text();
  if (!answer.ok) throw new Error(JSON.parse(text).error ?? text);
  return text;
}

function make(name, attributes, ...children) {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(...children);
  return made;
}

// Requests

const shortened = (path) => path.replace(/[^/]{20,}/g, (part) => `${part.slice(0, 8)}…`);

function query(entry) {
  return Object.entries(entry.query)
    .map(([name, value]) => `${name}=${String(value).length < 40 ? value : `${String(value).slice(0, 38)}…`}`)
    .join(" ");
}

function status(entry, running) {
  if (entry.status === null) return running ? ["…", "waiting"] : ["none", "bad"];
  return [String(entry.status), entry.status < 400 ? "good" : "bad"];
}

function row(entry, running) {
  const [text, kind] = status(entry, running);
  const rows = entry.rows === null ? [] : `${entry.rows.toLocaleString("en")} row${entry.rows === 1 ? "" : "s"}`;
  const notes = [rows, entry.fault ? `fault ${entry.fault}` : []];
  return make(
    "li",
    {},
    make("time", { dateTime: entry.time, textContent: entry.time.slice(11, 23) }),
    make("span", { className: `status ${kind}`, textContent: text }),
    make("code", { title: `${entry.method} ${entry.target}`, textContent: `${entry.method} ${shortened(entry.path)}` }),
    make("span", { className: "rows", textContent: notes.flat().join(", ") }),
    make("code", { className: "query", title: entry.target, textContent: query(entry) }),
  );
}

let previous = { text: "", total: 0, at: 0 };

function showRequests(text) {
  const log = JSON.parse(text);
  const now = performance.now();
  const rate = previous.at ? ((log.total - previous.total) * 1000) / (now - previous.at) : 0;
  element("rate").textContent = Math.max(0, Math.round(rate)).toLocaleString("en");
  if (text !== previous.text) {
    element("total").textContent = log.total.toLocaleString("en");
    element("in-flight").textContent = log.in_flight;
    element("most").textContent = log.max_in_flight;
    element("no-requests").hidden = log.total > 0;
    element("log").replaceChildren(...log.requests.reverse().map((entry) => row(entry, log.in_flight > 0)));
  }
  previous = { text, total: log.total, at: now };
}

// Faults

const ordered = (value) =>
  value && typeof value === "object" && !Array.isArray(value)
    ? Object.fromEntries(Object.keys(value).sort().map((key) => [key, ordered(value[key])]))
    : value;
const same = (one, other) => JSON.stringify(ordered(one)) === JSON.stringify(ordered(other));
let active = [];

function progress({ fault, fired }) {
  const times = fault.times === undefined ? 1 : fault.times;
  if (times === null) return `fired ${fired.toLocaleString("en")} times`;
  return fired < times ? `fired ${fired} of ${times}` : `over: fired ${fired} of ${times}`;
}

function showFaults(text) {
  const unmatched = new Set((active = JSON.parse(text).faults));
  for (const input of document.querySelectorAll("#presets input")) {
    const found = active.filter((item) => same(item.fault, JSON.parse(input.dataset.fault)));
    found.forEach((item) => unmatched.delete(item));
    input.checked = found.length > 0;
    input.parentElement.querySelector("em").textContent = found.map(progress).join(", ");
  }
  const others = [...unmatched].map((item) => {
    const input = make("input", { type: "checkbox", checked: true });
    input.setAttribute("role", "switch");
    input.addEventListener("change", () => act(() => control("DELETE", `faults/${item.number}`)));
    const fault = JSON.stringify(item.fault, null, 1).replace(/\s+/g, " ");
    const fired = make("small", {}, make("em", { textContent: progress(item) }));
    const said = make("span", {}, make("code", { textContent: fault }), fired);
    return make("li", {}, make("label", {}, said, input));
  });
  const list = element("other-faults");
  const key = JSON.stringify([...unmatched].map(({ number, fired }) => [number, fired]));
  if (list.dataset.key !== key) list.replaceChildren(...others);
  list.dataset.key = key;
}

const error = element("fault-error");

async function act(change) {
  error.textContent = "";
  try {
    await change();
  } catch (problem) {
    error.textContent = problem instanceof SyntaxError ? `This is no JSON: ${problem.message}` : problem.message;
  }
  await refresh();
}

for (const input of document.querySelectorAll("#presets input")) {
  const fault = JSON.parse(input.dataset.fault);
  input.addEventListener("change", () =>
    act(async () => {
      if (input.checked) return control("POST", "faults", fault);
      for (const item of active.filter((item) => same(item.fault, fault))) await control("DELETE", `faults/${item.number}`);
    }),
  );
}
element("new-fault").addEventListener("submit", (event) => {
  event.preventDefault();
  act(() => control("POST", "faults", JSON.parse(event.target.elements.fault.value)));
});
element("clear-faults").addEventListener("click", () => act(() => control("DELETE", "faults")));
element("clear-requests").addEventListener("click", () => act(() => control("DELETE", "requests")));
element("reset").addEventListener("click", async () => {
  await control("POST", "reset");
  location.reload();
});

// What is polled. A page that nobody sees asks for nothing, so that it keeps no forgotten server alive.

let refreshing = false;

async function refresh() {
  if (document.hidden || refreshing) return;
  refreshing = true;
  try {
    const [requests, faults] = await Promise.all([control("GET", `requests?last=${SHOWN}`), control("GET", "faults")]);
    if (document.body.classList.contains("stale")) location.reload();
    showRequests(requests);
    showFaults(faults);
    element("connection").textContent = "live";
  } catch {
    document.body.classList.add("stale");
    element("connection").textContent = "the sandbox has stopped";
  } finally {
    refreshing = false;
  }
}

setInterval(refresh, INTERVAL);
document.addEventListener("visibilitychange", refresh);
refresh();

// Systems

function valueOf(input) {
  if (input.type === "checkbox") return input.checked;
  if (input.tagName === "SELECT") return JSON.parse(input.value);
  if (input.type === "text") return input.value;
  return input.value === "" ? null : Number(input.value);
}

for (const input of document.querySelectorAll("[data-switch]")) {
  const item = input.closest("li");
  input.addEventListener("change", async () => {
    const said = item.querySelector(".error");
    const value = valueOf(input);
    try {
      await control("POST", `${input.dataset.provider}/behaviour`, { [input.dataset.switch]: value });
      said.textContent = "";
      item.classList.toggle("changed", JSON.stringify(value) !== input.dataset.default);
    } catch (problem) {
      said.textContent = problem.message;
    }
  });
}

for (const button of document.querySelectorAll("[data-add]")) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    await control("POST", `${button.dataset.provider}/events`, JSON.parse(button.dataset.add));
    location.reload();
  });
}

// Copying

for (const button of document.querySelectorAll(".copy button")) {
  const line = button.parentElement.querySelector("pre");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(line.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(line);
      button.textContent = "Selected";
    }
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
}
