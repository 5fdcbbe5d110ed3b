// Numbers as people read them. Times and durations come in seconds, shares as two integers.

const NBSP = "\u00a0";
const counts = new Intl.NumberFormat(LANGUAGE);
const clocks = new Intl.DateTimeFormat(LANGUAGE, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const dates = new Intl.DateTimeFormat(LANGUAGE, {
  month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hour12: false,
});

const text = (key, values = {}) =>
  TEXTS[key].replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));

const count = (number) => counts.format(number);

const clock = (seconds, now) =>
  (Math.abs(now - seconds) < 43200 ? clocks : dates).format(new Date(seconds * 1000));

const unit = (number, name) => number + NBSP + text(`unit-${name}`);

// Three significant digits below a minute, two whole units above: "850 ms", "1.53 s", "2 min 5 s".
function duration(seconds) {
  if (seconds === 0) return unit(0, "s");
  for (const [factor, limit, name] of [[1e-6, 1000, "us"], [1e-3, 1000, "ms"], [1, 60, "s"]]) {
    const rounded = (seconds / factor).toPrecision(3);
    if (Number(rounded) < limit) return unit(name === "us" ? Math.round(seconds / factor) : rounded, name);
  }
  return span(seconds);
}

// Whole seconds, minutes, hours, days: the two largest units that are not zero.
function span(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const parts = [[86400, Infinity, "d"], [3600, 24, "h"], [60, 60, "min"], [1, 60, "s"]].map(
    ([size, limit, name]) => [Math.floor(whole / size) % limit, name],
  );
  const first = parts.findIndex(([number]) => number > 0);
  if (first < 0) return unit(0, "s");
  return parts.slice(first, first + 2).filter(([number]) => number > 0)
    .map(([number, name]) => unit(number, name)).join(" ");
}

const percent = (digits) => text("percent", { value: digits });

// A share with two significant digits of whichever is smaller, it or what it lacks to the whole, cut off and not
// rounded up: 100 % is shown for all and 0 % for none, and what misses a target never looks as if it met it.
// `nearest` rounds to the nearest instead, for shares that nobody is held to.
function share(good, total, { nearest = false } = {}) {
  if (good === 0 || good === total) return percent(good === 0 ? "0" : "100");
  const smaller = Math.min(good, total - good) / total * 100;
  const decimals = Math.min(9, Math.max(1, Math.ceil(-Math.log10(smaller)) + 1));
  const twice = 2n * BigInt(good) * 10n ** BigInt(decimals + 2) + (nearest ? BigInt(total) : 0n);
  const scaled = twice / (2n * BigInt(total));
  const digits = scaled.toString().padStart(decimals + 1, "0");
  const decimal = digits.slice(-decimals).replace(/0+$/, "") || "0";
  return percent(`${digits.slice(0, -decimals)}.${decimal}`);
}

// A ratio that people wrote, such as a target: as they wrote it.
const written = (ratio) => percent(String(Number((ratio * 100).toPrecision(12))));

// A ratio that need not lie between 0 and 1, such as an overspent budget: whole percents, towards zero.
const rough = (ratio) => percent(count(Math.abs(ratio) >= 0.1 ? Math.trunc(ratio * 100) : Math.trunc(ratio * 1000) / 10));
