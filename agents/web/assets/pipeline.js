// The worker itself: what it reads, how far it is, what it refused.

const lists = new Intl.ListFormat(LANGUAGE, { type: "conjunction" });

function partitionsTable(status) {
  const rows = status.partitions.map((p) => ({ ...p, key: `${p.topic} ${p.partition}` }));
  if (!rows.length) return h("p", { class: "faint" }, text("no-partitions"));
  const when = (seconds) => (seconds === null ? nothing() : [clock(seconds, status.now), faint(text("ago", { age: span(status.now - seconds) }))]);
  const judged = rows.some((p) => p.pending_standards !== null || (p.standards ?? status.standards.digest) !== status.standards.digest);
  return table("partitions", text("partitions"), [
    { label: text("topic"), cell: (p) => [h("span", { class: "title" }, p.topic), judged ? faint(judgedBy(p)) : null] },
    { label: text("partition"), numeric: true, cell: (p) => p.partition },
    { label: text("state"), cell: (p) => badge(p.recovering ? "recovering" : p.caught_up ? "caught-up" : "catching-up") },
    { label: text("tile-lag"), numeric: true, cell: (p) => (p.lag === null ? nothing() : count(p.lag)) },
    { label: text("tile-newest"), numeric: true, cell: (p) => when(p.newest) },
    { label: text("tile-final"), help: text("final-help"), numeric: true, cell: (p) => when(p.watermark) },
    { label: text("next-offset"), help: text("saved-help"), numeric: true, cell: offsetCell },
    { label: text("open-slices"), numeric: true, cell: (p) => (p.recovering ? nothing() : count(p.open_slices)) },
  ], rows);
}

function offsetCell({ recovering, saved_offset: saved, next_offset: next }) {
  if (next === null) return nothing();
  const words = recovering ? text("fold-again", { count: count(Math.max(0, saved - next)) })
    : saved === null ? null : text("saved", { offset: count(saved) });
  return [count(next), words ? faint(words) : null];
}

const abbreviated = (digest) => digest.slice(0, 12);

const judgedBy = ({ standards, pending_standards: pending }) => [
  standards === null ? text("standards-unknown") : text("standards-of", { digest: abbreviated(standards) }),
  pending === null ? null : text("standards-pending", { digest: abbreviated(pending) }),
];

function savingTable({ worker: { transactions, recoveries, ticks } }) {
  const { last_seconds: took } = transactions, { last_seconds: recovered, last_rows: read } = recoveries;
  const rows = [
    { key: "committed", number: transactions.committed, detail: took === null ? null : text("last-took", { time: duration(took) }) },
    { key: "failed", number: transactions.failed },
    { key: "recoveries", number: recoveries.count, detail: recovered === null ? null : text("last-recovery", { time: duration(recovered), rows: count(read ?? 0) }) },
    { key: "ticks", number: ticks },
  ];
  return table("saving", text("saving"), [
    { label: text("what"), cell: (row) => [text(row.key), row.detail ? faint(row.detail) : null] },
    { label: text("number"), numeric: true, cell: (row) => count(row.number) },
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
    events.left_out.length ? leftOutTable(events.left_out) : null,
    events.folded.length ? h("p", { class: "faint quiet" }, text("folded", { counts: lists.format(events.folded.map((f) => `${f.text} ${count(f.count)}`)) })) : null,
  ];
}

function leftOutTable(leftOut) {
  return table("left-out", text("left-out"), [
    { label: text("field"), cell: (row) => h("code", {}, row.field) },
    { label: text("reason"), cell: (row) => row.text },
    { label: text("values"), numeric: true, cell: (row) => [count(row.count), faint(text("values-read", { count: count(row.read) }))] },
  ], leftOut.map((row) => ({ ...row, key: `${row.field} ${row.reason}` })));
}

const neverFound = ({ topic, paths }) =>
  h("p", { class: "faint quiet", key: topic }, text("never-found", { topic, paths: lists.format(paths) }));

const showPipeline = (status) => show("pipeline",
  h("h2", { id: "pipeline-heading" }, text("pipeline"), " ", faint(`${text(status.worker.state)} · ${status.worker.broker}`)),
  h("div", { class: "card sides" },
    h("div", { class: "side" }, partitionsTable(status)),
    h("div", { class: "side narrow" }, eventsTable(status), status.never_found.map(neverFound), status.worker.ephemeral ? null : savingTable(status)),
    status.worker.warnings.filter(({ key }) => NOTES.has(key)).map((note) => h("p", { class: "faint quiet", key: note.key }, note.text))));

function showStandards({ standards: { declared, digest, file_digest: file, timezone } }) {
  const key = digest !== file ? "foot-differing" : declared ? "foot" : "foot-undeclared";
  show("standards", text(key, { digest: abbreviated(digest), file: abbreviated(file), timezone }));
}
