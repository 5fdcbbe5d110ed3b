// The p95 of every step and window, kept in this browser for the last minutes and across a change of language.

const TREND_SECONDS = 600;
const TREND_EVERY = 2;
const TREND_KEY = "slm-trends";
const trends = new Map(restoreTrends());

function restoreTrends() {
  try {
    return JSON.parse(sessionStorage.getItem(TREND_KEY) ?? "[]");
  } catch {
    return [];
  }
}

function saveTrends() {
  try {
    sessionStorage.setItem(TREND_KEY, JSON.stringify([...trends]));
  } catch {
    sessionStorage.removeItem(TREND_KEY);
  }
}

const trendOf = (service, step, window) => JSON.stringify([service, step, window]);

function recordTrends(status) {
  for (const service of status.services) {
    for (const step of service.steps) {
      for (const [window, level] of Object.entries(step.windows)) {
        const name = trendOf(service.name, step.name, window);
        const points = trends.get(name) ?? [];
        if (points.length && status.now - points.at(-1)[0] < TREND_EVERY) continue;
        points.push([status.now, level.response_seconds?.p95 ?? null]);
        while (points[0][0] < status.now - TREND_SECONDS) points.shift();
        trends.set(name, points);
      }
    }
  }
}

// A line over the last minutes, zero at its foot, with a gap wherever there was no data.
function sparkline(name, now) {
  const points = trends.get(name) ?? [];
  const known = points.filter(([, value]) => value !== null);
  if (known.length < 2) return h("span", { class: "faint" }, text("trend-short"));
  const values = known.map(([, value]) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const covered = Math.max(60, now - points[0][0]);
  const x = (time) => (100 - (now - time) / covered * 98).toFixed(1);
  const y = (value) => (26 - (high ? value / high : 0) * 22).toFixed(1);
  let pen = "M";
  const path = points.map(([time, value]) => {
    const drawn = value === null ? "" : `${pen}${x(time)} ${y(value)}`;
    pen = value === null ? "M" : "L";
    return drawn;
  }).join("");
  const label = text("trend-label", {
    span: span(now - points[0][0]), first: duration(values[0]), last: duration(values.at(-1)),
    low: duration(low), high: duration(high),
  });
  return h("svg", { class: "trend", viewBox: "0 0 102 28", preserveAspectRatio: "none", role: "img", "aria-label": label },
    h("line", { x1: 0, y1: 27, x2: 102, y2: 27 }),
    h("path", { d: path }));
}
