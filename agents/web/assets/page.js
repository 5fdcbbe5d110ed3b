// The page: polls `/api/status` every second, shows what came, and says so when nothing comes.

const POLL_MS = 1000;
const TIMEOUT_MS = 5000;
// A large floor is asked for less often, so that looking takes at most this share of the worker's time.
const LARGEST_LOAD = 0.1;
const WINDOW_KEY = "slm-window";
// Warnings that nobody need hurry about: said beside the pipeline, not above everything.
const NOTES = new Set(["no-standards", "labels-folded"]);
// States in which figures are missing or stand still.
const HALTED = new Set(["starting", "recovering", "stalled", "evicted"]);
const AILING = new Set(["stalled", "evicted"]);
const view = { status: null, received: null, lost: false, window: chosenWindow(), copied: false };

function chosenWindow() {
  const chosen = new URLSearchParams(location.search).get("window") ?? sessionStorage.getItem(WINDOW_KEY);
  return ["5m", "1h", "1d"].includes(chosen) ? chosen : "5m";
}

function showHeadline({ services, events, worker }) {
  const all = services.flatMap((service) => service.objectives);
  const having = (state) => all.filter((objective) => objective.state === state).length;
  const [breached, met] = [having("breached"), having("met")];
  const values = { total: count(all.length), count: count(breached || met) };
  const [state, key] = breached ? ["breached", "breached"]
    : HALTED.has(worker.state) ? [worker.state, worker.state]
    : !events.accepted ? ["no-data", "empty"]
    : !all.length ? ["no-objectives", "no-objectives"]
    : met === all.length ? ["met", "met"] : ["no-data", "partly"];
  show("headline", badge(state, text(`headline-${key}`, values)));
  document.title = (breached ? `(${breached}) ` : "") + text("title");
}

const tile = (key, value, detail, help = null) =>
  h("div", { key, class: "tile", title: help }, h("dt", {}, text(key)), h("dd", {}, value, detail ? faint(detail) : null));

function showGlance(status) {
  const { now, services, partitions, events } = status;
  const all = total(services, (s) => total(s.steps, (step) => interactions(step.windows[view.window])));
  const rejected = total(events.rejected, (r) => r.count);
  const known = (name) => partitions.map((p) => p[name]).filter((value) => value !== null);
  const newest = Math.max(...known("newest")), watermark = Math.min(...known("watermark"));
  const lags = known("lag");
  show("glance", h("h2", { class: "unseen" }, text("summary")), h("dl", { class: "tiles" },
    tile("tile-interactions", count(all), text("over-rolling", { window: text(`window-${view.window}`) })),
    Number.isFinite(newest) ? tile("tile-newest", text("ago", { age: span(now - newest) }), clock(newest, now)) : tile("tile-newest", nothing()),
    Number.isFinite(watermark)
      ? tile("tile-final", clock(watermark, now), text("behind", { age: span(now - watermark) }), text("final-help"))
      : tile("tile-final", nothing(), null, text("final-help")),
    tile("tile-lag", lags.length ? count(total(lags, (lag) => lag)) : nothing()),
    tile("tile-rejected", count(rejected), text("of-read", { total: count(events.records) }))));
}

function showNotices({ worker }) {
  const notice = (kind, ...words) => h("li", { class: `notice ${kind}` }, words);
  const told = worker.waiting_for.slice(0, 3);
  const more = worker.waiting_for.length - told.length;
  const notices = [
    ...worker.warnings.filter(({ key }) => !NOTES.has(key)).map((warning) => notice("warning", warning.text)),
    worker.refused_standards === null ? null : notice("warning", h("code", {}, worker.refused_standards)),
    ...told.map((words, index) => notice(index === 0 && AILING.has(worker.state) ? "ailing" : "waiting", words)),
    more > 0 ? notice("waiting", text("more-waiting", { count: count(more) })) : null,
    worker.waits === null ? null : notice("waiting", worker.waits),
  ].filter(Boolean);
  show("notices", notices.length ? h("ul", { "aria-label": text("warnings") }, notices) : null);
}

function showEmpty({ events, worker, partitions, services }) {
  const reads = worker.ready && partitions.length > 0;
  if (!reads || events.accepted || services.some((service) => service.steps.length)) return show("empty");
  const rejected = total(events.rejected, (r) => r.count);
  const command = firstEvent(worker.broker, partitions[0].topic);
  const copy = () => navigator.clipboard.writeText(command).then(() => flag("copied", true)).then(() => setTimeout(flag, 2000, "copied", false));
  return show("empty", h("section", { class: "card empty", "aria-labelledby": "empty-heading" },
    h("h2", { id: "empty-heading" }, text("headline-empty")),
    rejected ? h("p", {}, text("empty-rejected", { count: count(rejected) })) : null,
    h("p", {}, text("empty-body", { broker: worker.broker })),
    h("div", { class: "command" }, h("code", { tabindex: 0 }, command),
      h("button", { type: "button", onclick: copy, "aria-live": "polite" }, text(view.copied ? "copied" : "copy"))),
    h("p", { class: "faint" }, text("empty-next"))));
}

// Quoted for a POSIX shell; the time is filled in when the command runs.
function firstEvent(broker, topic) {
  const quoted = (word) => `'${word.replaceAll("'", "'\\''")}'`;
  const event = `{"service": "hotline", "step": "answer", "duration": 4.2, "time": %s}\\n`;
  return `printf '${event}' "$(date +%s)" |\n  slm send --broker ${quoted(broker)} --topic ${quoted(topic)} -`;
}

function flag(name, value) {
  view[name] = value;
  render();
}

function showServices(status) {
  if (!status.services.length) return show("services");
  return show("services",
    h("h2", { id: "services-heading" }, text("services"), " ", faint(count(status.services.length))),
    status.services.map((service) => serviceCard(service, view.window, status.now)));
}

function showConnection() {
  const { lost, received, status } = view;
  const age = received === null ? null : span((performance.now() - received) / 1000);
  document.body.classList.toggle("stale", lost);
  show("lost", lost ? h("p", {}, h("strong", {}, text("lost")), " ", age === null ? text("lost-never") : text("lost-detail", { age })) : null);
  show("live", h("span", { class: lost ? "dot lost" : "dot", "aria-hidden": "true" }),
    lost ? text("lost") : status === null ? text("loading") : text("live", { time: clock(status.now, status.now) }));
}

function render() {
  showConnection();
  if (view.status === null) return;
  for (const draw of [showHeadline, showNotices, showGlance, showEmpty, showServices, showPipeline, showStandards]) draw(view.status);
}

async function poll() {
  const began = performance.now();
  try {
    const answer = await fetch(`api/status?lang=${LANGUAGE}`, { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    view.status = await answer.json();
    view.received = performance.now();
    view.lost = false;
    recordTrends(view.status);
  } catch {
    view.lost = true;
  }
  render();
  const took = performance.now() - began;
  setTimeout(poll, Math.max(POLL_MS, took / LARGEST_LOAD) - took);
}

for (const input of document.querySelectorAll("#windows input")) {
  input.checked = input.value === view.window;
  input.addEventListener("change", () => {
    sessionStorage.setItem(WINDOW_KEY, input.value);
    flag("window", input.value);
  });
}
addEventListener("pagehide", saveTrends);
poll();
