// The worker itself: what it reads, how far it is, what it refused.

function partitionsTable(status) {
  const rows = status.partitions.map((p) => ({ ...p, key: `${p.topic} ${p.partition}` }));
  if (!rows.length) return h("p", { class: "faint" }, text("no-partitions"));
  const when = (seconds) => (seconds === null ? nothing() : [clock(seconds, status.now), faint(text("ago", { age: span(status.now - seconds) }))]);
  return table("partitions", text("partitions"), [
    { label: text("topic"), cell: (p) => h("span", { class: "title" }, p.topic) },
    { label: text("partition"), numeric: true, cell: (p) => p.partition },
    { label: text("state"), cell: (p) => badge(p.caught_up ? "caught-up" : "catching-up") },
    { label: text("tile-lag"), numeric: true, cell: (p) => (p.lag === null ? nothing() : count(p.lag)) },
    { label: text("tile-newest"), numeric: true, cell: (p) => when(p.newest) },
    { label: text("tile-final"), help: text("final-help"), numeric: true, cell: (p) => when(p.watermark) },
    { label: text("next-offset"), numeric: true, cell: (p) => count(p.next_offset) },
    { label: text("open-slices"), numeric: true, cell: (p) => count(p.open_slices) },
  ], rows);
}

function eventsTable({ events }) {
  const rows = [
    { key: "accepted", name: text("accepted"), count: events.accepted },
    { key: "duplicates", name: text("duplicates"), count: events.duplicates },
    ...(events.ignored ? [{ key: "ignored", name: text("ignored"), count: events.ignored }] : []),
    ...events.rejected.map((r) => ({ key: `rejected ${r.reason}`, name: text("rejected-as", { reason: r.text }), count: r.count })),
  ];
  return [
    table("events", text("events"), [
      { label: text("result"), cell: (row) => row.name },
      { label: text("records"), numeric: true, cell: (row) => count(row.count) },
    ], rows),
    events.unknown_fields ? h("p", { class: "faint quiet" }, text("unknown-fields", { count: count(events.unknown_fields) })) : null,
  ];
}

const showPipeline = (status) => show("pipeline",
  h("h2", { id: "pipeline-heading" }, text("pipeline"), " ", faint(`${text(status.worker.state)} · ${status.worker.broker}`)),
  h("div", { class: "card sides" },
    h("div", { class: "side" }, partitionsTable(status)),
    h("div", { class: "side narrow" }, eventsTable(status)),
    status.worker.warnings.filter(({ key }) => NOTES.has(key)).map((note) => h("p", { class: "faint quiet", key: note.key }, note.text))));

function showStandards({ standards }) {
  const key = standards.declared ? "foot" : "foot-undeclared";
  show("standards", text(key, { digest: standards.digest.slice(0, 12), timezone: standards.timezone }));
}
