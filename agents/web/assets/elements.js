// A view is a function from data to wanted elements; `patch` makes the document match them and touches nothing that is
// right already, so that nothing flickers and focus, selection and scrolling stay. Texts never become markup.

const SVG = "http://www.w3.org/2000/svg";
const DRAWN = new Set(["svg", "path", "circle", "line"]);

const h = (tag, attributes = {}, ...children) => ({
  tag,
  attributes,
  children: children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
});

const identity = (wanted) => (wanted.tag ? `${wanted.tag} ${wanted.attributes.key ?? ""}` : "#text");

function patch(parent, wanted) {
  const present = new Map();
  for (const node of parent.childNodes) {
    const id = node.identity ?? (node.nodeType === Node.TEXT_NODE ? "#text" : "");
    present.set(id, [...(present.get(id) ?? []), node]);
  }
  let next = parent.firstChild;
  for (const child of wanted) {
    const node = present.get(identity(child))?.shift() ?? create(child);
    update(node, child);
    if (node === next) next = next.nextSibling;
    else parent.insertBefore(node, next);
  }
  for (const node of [...present.values()].flat()) node.remove();
}

function create(wanted) {
  if (!wanted.tag) return document.createTextNode("");
  const element = DRAWN.has(wanted.tag) ? document.createElementNS(SVG, wanted.tag) : document.createElement(wanted.tag);
  element.identity = identity(wanted);
  return element;
}

function update(node, wanted) {
  if (!wanted.tag) {
    if (node.data !== String(wanted)) node.data = String(wanted);
    return;
  }
  updateAttributes(node, wanted.attributes);
  patch(node, wanted.children);
}

function updateAttributes(element, { key, style = {}, ...attributes }) {
  for (const [name, value] of Object.entries(style)) {
    if (element.style.getPropertyValue(name) !== value) element.style.setProperty(name, value);
  }
  for (const { name } of [...element.attributes]) {
    if (name !== "style" && !(name in attributes)) element.removeAttribute(name);
  }
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element[name] = value;
    else if (value === null || value === false) element.removeAttribute(name);
    else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
  }
}

const show = (id, ...wanted) => patch(document.getElementById(id), h("div", {}, ...wanted).children);

// A table that becomes a list of labelled values on a narrow screen. That takes its display styles away, and with them
// the browser's table semantics; the roles keep these. A column is {label, help, cell(row), numeric, wide}.
function table(name, caption, columns, rows) {
  const shown = columns.filter(Boolean);
  const heading = ({ label, help, numeric }) =>
    h("th", { role: "columnheader", scope: "col", class: numeric ? "number" : null, title: help ?? null }, label);
  return h("table", { role: "table", class: name, key: name },
    h("caption", {}, caption),
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, shown.map(heading))),
    h("tbody", { role: "rowgroup" }, rows.map((row) =>
      h("tr", { role: "row", key: row.key, "data-state": row.state ?? null }, shown.map((column, index) =>
        h(index ? "td" : "th", {
          role: index ? "cell" : "rowheader",
          scope: index ? null : "row",
          class: column.numeric ? "number" : null,
          "data-label": column.label,
        }, column.cell(row)))))));
}

const nothing = () => [h("span", { "aria-hidden": "true", class: "faint" }, "–"), h("span", { class: "unseen" }, text("none"))];
const faint = (...children) => h("small", {}, ...children);

const SIGNS = {
  met: "M4 10.5l4 4 8-9",
  breached: "M5 5l10 10M15 5L5 15",
  "no-data": "M5 10h10",
  "no-objectives": "M5 10h10",
  "caught-up": "M4 10.5l4 4 8-9",
  "catching-up": "M10 4v7l4 3",
  starting: "M10 4v7l4 3",
  recovering: "M15 6a6.5 6.5 0 1 0 1.5 4.5M15.5 2v4.5H11",
  stalled: "M7 4v12M13 4v12",
  evicted: "M5 5l10 10M15 5L5 15",
};

// A state by shape, word and colour together.
const badge = (state, words = text(state)) =>
  h("span", { class: "badge", "data-state": state },
    h("svg", { viewBox: "0 0 20 20", "aria-hidden": "true" }, h("path", { d: SIGNS[state] })), words);

const bar = (part, state = "plain") =>
  h("span", { class: "meter", "aria-hidden": "true" },
    h("span", { "data-state": state, style: { width: `${(Math.min(1, Math.max(0, part)) * 100).toFixed(1)}%` } }));
