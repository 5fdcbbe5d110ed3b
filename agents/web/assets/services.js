// The services: objectives, steps, fail points.

const FAIL_POINTS_SHOWN = 6;

const total = (rows, value) => rows.reduce((sum, row) => sum + value(row), 0);
const interactions = (level) => level.ok + level.failed + level.abandoned;

const ratioCell = (ratio, detail) => (ratio.total ? [share(ratio.good, ratio.total), faint(detail)] : nothing());

function objectivesTable(service, now) {
  const rows = service.objectives.map((objective) => ({ ...objective, key: objective.name }));
  return table("objectives", text("objectives"), [
    { label: text("objective"), cell: (o) => [h("span", { class: "title" }, o.title)] },
    { label: text("state"), cell: (o) => stateCell(o, now) },
    { label: text("attained"), numeric: true, cell: attainedCell },
    { label: text("target"), numeric: true, cell: (o) => [written(o.target), faint(overWindow(o.window))] },
    { label: text("budget"), cell: budgetCell },
  ], rows);
}

const overWindow = (window) => (window.period
  ? text("over-period", { window: text(`period-${window.period}`) })
  : text("over-rolling", { window: span(window.seconds) }));

const stateCell = (objective, now) => [
  badge(objective.state),
  objective.breached_since === null ? null : faint(text("since", { time: clock(objective.breached_since, now) })),
];

function attainedCell(objective) {
  const { good, total: judged, minimum_total: minimum } = objective;
  const amount = (number) => (objective.unit === "milliseconds" ? span(number / 1000) : count(number));
  if (objective.attained !== null) {
    return [h("strong", {}, share(good, judged)), faint(text("good-of-total", { good: amount(good), total: amount(judged) }))];
  }
  return judged ? [...nothing(), faint(text("too-few", { total: amount(judged), minimum: amount(minimum) }))] : nothing();
}

function budgetCell(objective) {
  const left = objective.budget_remaining;
  if (left === null) return objective.attained === null ? nothing() : faint(text("no-budget"));
  const words = left < 0 ? text("overspent", { share: rough(-left) }) : text("budget-left", { share: rough(left) });
  return h("span", { class: "budget" }, bar(left < 0 ? 1 : left, left < 0 ? "breached" : "met"), h("span", {}, words));
}

function stepsTable(service, window, now) {
  const rows = service.steps.map((step) => ({ ...step, key: `step ${step.name}`, level: step.windows[window] }));
  const quantile = (name, percentage) => ({
    label: text(`response-${name}`), help: text("quantile-help", { share: percentage }), numeric: true,
    cell: ({ level }) => (level.response_seconds ? duration(level.response_seconds[name]) : nothing()),
  });
  const probed = service.steps.some((step) => Object.values(step.windows).some((l) => l.probe_milliseconds.total));
  return table("steps", text("steps"), [
    { label: text("step"), cell: stepCell },
    { label: text("interactions"), numeric: true, cell: interactionsCell },
    quantile("p50", 50), quantile("p95", 95), quantile("p99", 99),
    { label: text("trend"), cell: (row) => sparkline(trendOf(service.name, row.name, window), now) },
    { label: text("availability"), numeric: true, cell: ({ level: { availability: a } }) => ratioCell(a, text("of", { total: count(a.total) })) },
    probed && { label: text("uptime"), numeric: true, cell: ({ level: { probe_milliseconds: p } }) => ratioCell(p, text("uptime-observed", { span: span(p.total / 1000) })) },
    { label: text("abandoned"), numeric: true, cell: abandonedCell },
  ], rows);
}

const stepCell = (step) => [
  h("span", { class: step.name ? "title" : "title faint" }, step.name ? step.title : text("no-step")),
  step.stage ? faint(text(step.stage)) : null,
];

// A step that only probes tell about has no interactions to count.
function interactionsCell({ level }) {
  const all = interactions(level);
  return all || !level.probe_milliseconds.total ? count(all) : nothing();
}

function abandonedCell({ level }) {
  const all = interactions(level);
  return all ? [share(level.abandoned, all, { nearest: true }), faint(text("of", { total: count(all) }))] : nothing();
}

function failPoints(service, window) {
  const rows = service.steps.flatMap((step) => step.windows[window].failure_points.map((point) => ({
    ...point, step, key: JSON.stringify([step.name, point.name]),
  }))).sort((a, b) => b.count - a.count || (a.key < b.key ? -1 : 1));
  if (!rows.length) return h("p", { class: "faint quiet" }, h("strong", {}, text("fail-points")), " ", text("no-failures"));
  const all = total(rows, (row) => row.count);
  const rest = rows.slice(FAIL_POINTS_SHOWN);
  return [
    table("fail-points", text("fail-points"), [
      { label: text("fail-point"), cell: (row) => [h("span", { class: "title" }, row.name || text("no-fail-point")), faint(row.step.title)] },
      { label: text("count"), numeric: true, cell: (row) => count(row.count) },
      { label: text("share"), cell: (row) => h("span", { class: "budget" }, bar(row.count / all), h("span", {}, share(row.count, all, { nearest: true }))) },
    ], rows.slice(0, FAIL_POINTS_SHOWN)),
    rest.length ? h("p", { class: "faint quiet" }, text("more-fail-points", { count: count(rest.length), total: count(total(rest, (r) => r.count)) })) : null,
  ];
}

function serviceState(service) {
  const met = service.objectives.filter((o) => o.state === "met").length;
  const all = service.objectives.length;
  return service.state === "no-data" && met ? badge("no-data", text("partly-met", { count: count(met), total: count(all) })) : badge(service.state);
}

function serviceCard(service, window, now) {
  const id = `service-${encodeURIComponent(service.name)}`;
  return h("article", { key: service.name, class: "card service", "data-state": service.state, "aria-labelledby": id },
    h("header", {},
      h("h3", { id }, service.title),
      service.title === service.name ? null : h("code", {}, service.name),
      serviceState(service),
      service.owner ? faint(text("owner", { owner: service.owner })) : null),
    h("div", { class: "sides" },
      service.objectives.length ? h("div", { class: "side" }, objectivesTable(service, now)) : null,
      service.steps.length ? h("div", { class: "side narrow" }, failPoints(service, window)) : null),
    service.steps.length ? stepsTable(service, window, now) : null);
}
