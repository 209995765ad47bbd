// What the pages are made of: data in, elements out.

const MINUTE = 60, HOUR = 3600, DAY = 86400;

export function lapse(time, now) {
  return ago(time.dateTime, now, time.dataset.as);
}

function ago(iso, now, as) {
  const seconds = Math.round((now - Date.parse(iso)) / 1000);
  const size = Math.abs(seconds);
  const text =
    size < 2 * MINUTE ? `${size} s`
    : size < 2 * HOUR ? `${Math.round(size / MINUTE)} min`
    : size < 2 * DAY ? `${Math.round(size / HOUR)} h`
    : `${Math.round(size / DAY)} days`;
  return as === "for" ? `for ${text}` : seconds < 0 ? `in ${text}` : `${text} ago`;
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value != null) made.setAttribute(key, value);
  made.append(...children.filter((child) => child != null && child !== ""));
  return made;
}

const state = (name) => (name ? element("span", { class: `state ${name}` }, name) : null);
const when = (iso, as) =>
  iso ? element("time", { datetime: iso, title: new Date(iso).toLocaleString(), "data-as": as }, ago(iso, Date.now(), as)) : null;
const number = (value) => (value == null ? null : value.toLocaleString());
const quiet = (text) => element("p", { class: "quiet" }, text);
const link = (name) => element("a", { href: `#/collections/${encodeURIComponent(name)}` }, name);

// columns: [label, cell(row), class]; the first one heads its row.
function table(caption, columns, rows, none) {
  const section = element("section");
  if (!rows.length) {
    section.append(element("h2", {}, caption), quiet(none));
    return section;
  }
  const heads = columns.map(([label, , kind]) => element("th", { scope: "col", class: kind }, label));
  const lines = rows.map((row) =>
    element("tr", {}, ...columns.map(([label, cell, kind], place) => {
      const content = [cell(row)].flat().filter((each) => each != null && each !== "");
      if (place === 0) return element("th", { scope: "row" }, ...content);
      const classes = [kind, content.length ? "" : "none"].filter(Boolean).join(" ") || null;
      return element("td", { "data-label": label, class: classes }, ...content);
    })),
  );
  section.append(element("table", {},
    element("caption", {}, caption), element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...lines)));
  return section;
}

function notices(parts) {
  return Object.entries(parts)
    .filter(([, told]) => told !== "ok")
    .map(([part, told]) => element("p", { class: "notice", role: "alert" },
      `${part} does not answer, so what it knows is missing here: ${told}`));
}

function nextRun(configuration) {
  const last = configuration.state?.last;
  if (!last || configuration.type !== "scraper") return null;
  return new Date(Date.parse(last.started_at) + configuration.ttl * 1000).toISOString();
}

function good(told) {
  const had = told?.good;
  return had && told.state !== "healthy" ? [when(had.finished_at), ` with ${number(had.items)} items on ${number(had.pages)} pages`] : null;
}

const configurationColumns = [
  ["collection", (row) => link(row.collection)],
  ["state", (row) => [state(row.state?.state), " ", when(row.state?.since, "for")]],
  ["why", (row) => row.state?.reason, "long"],
  ["last good run", (row) => good(row.state)],
  ["last run", (row) => when(row.state?.last?.finished_at)],
  ["next, about", (row) => when(nextRun(row))],
  ["source", (row) => row.scraper?.source, "long"],
  ["scraped by", (row) => (row.type === "scraper" ? row.container ?? "nobody" : null)],
  ["served by", (row) => row.server],
];

// A collection's endpoint configuration is told with its scrapers; alone only where it has none.
function joined(configurations) {
  const scraped = new Set(configurations.filter((each) => each.type === "scraper").map((each) => each.collection));
  const servers = new Map(configurations.filter((each) => each.type === "endpoint")
    .map((each) => [each.collection, each.container ?? "nobody"]));
  return configurations
    .filter((each) => each.type === "scraper" || !scraped.has(each.collection))
    .map((each) => ({ ...each, server: servers.get(each.collection) }));
}

const attentionColumns = [
  ["collection", (row) => link(row.collection)],
  ["state", (row) => [state(row.state), " ", when(row.since, "for")]],
  ["why", (row) => row.reason, "long"],
  ["last good run", (row) => good(row)],
  ["configuration", (row) => element("code", {}, row.configuration)],
];

const runColumns = [
  ["run of", (row) => link(row.collection)],
  ["outcome", (row) => state(row.outcome)],
  ["state", (row) => state(row.state)],
  ["ended", (row) => when(row.finished_at)],
  ["pages", (row) => number(row.pages + row.unchanged_pages), "number"],
  ["items", (row) => number(row.items + row.unchanged_items), "number"],
  ["created", (row) => number(row.reduction?.created), "number"],
  ["updated", (row) => number(row.reduction?.updated), "number"],
  ["removed", (row) => number(row.reduction?.removed), "number"],
  ["why", (row) => row.reason || row.error, "long"],
];

export function overview(data) {
  const counts = [
    [data.collections.length, "collection", "collections"],
    [data.attention.length, "configuration needs attention", "configurations need attention"],
    [data.pools.reduce((sum, pool) => sum + pool.running, 0), "replica runs", "replicas run"],
  ];
  return [
    element("h1", {}, "Overview"),
    ...notices(data.parts),
    element("ul", { class: "counts" },
      ...counts.map(([count, one, more]) =>
        element("li", {}, element("strong", {}, number(count)), count === 1 ? one : more))),
    table("Needs attention", attentionColumns, data.attention, "Nothing: every configuration is as usual."),
    table("Configurations", configurationColumns, joined(data.configurations),
      data.parts.config === "ok" ? "None yet. Add one: scrapr add FILE.json" : "Not known now."),
    data.next ? element("p", {}, element("a", { href: `#/after/${data.next}` }, "More configurations")) : null,
    table("Collections", [
      ["collection", (row) => link(row.name)],
      ["records", (row) => number(row.records), "number"],
      ["version", (row) => number(row.version), "number"],
      ["changed", (row) => when(row.updated_at)],
    ], data.collections, "None yet."),
    table("Replicas", [
      ["replica", (row) => row.name],
      ["pool", (row) => row.pool],
      ["state", (row) => state(row.state)],
      ["why", (row) => row.reason, "long"],
      ["started", (row) => when(row.since)],
      ["restarts", (row) => number(row.restarts), "number"],
      ["process", (row) => (row.pid == null ? null : String(row.pid)), "number"],
    ], data.pools.flatMap((pool) => pool.replicas.map((each) => ({ ...each, pool: pool.name }))), "None run."),
    table("Pools", [
      ["pool", (row) => row.name],
      ["run", (row) => `${number(row.running)} of ${number(row.wanted)}`],
      ["configurations", (row) => number(row.configurations), "number"],
      ["slots", (row) => number(row.slots), "number"],
      ["why not more", (row) => row.reason, "long"],
    ], data.pools, "None."),
    table("Newest runs", runColumns, data.runs, "None yet."),
  ].filter(Boolean);
}

function fields(change) {
  const before = change.before ?? {}, after = change.after ?? {};
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const text = (value) => (typeof value === "string" ? value : JSON.stringify(value));
  return element("dl", {}, ...names.flatMap((name) => [
    element("dt", {}, name),
    element("dd", {},
      name in before ? element("del", {}, text(before[name])) : null,
      name in before && name in after ? " → " : null,
      name in after ? element("ins", {}, text(after[name])) : null),
  ]));
}

export function absent(problem) {
  return [element("p", {}, element("a", { href: "#/" }, "← Overview")), element("h1", {}, "Not here"), quiet(problem.detail)];
}

export function collection(data) {
  const told = data.collection;
  return [
    element("p", {}, element("a", { href: "#/" }, "← Overview")),
    element("h1", {}, data.name),
    ...notices(data.parts),
    told
      ? element("ul", { class: "counts" },
          element("li", {}, element("strong", {}, number(told.records)), told.records === 1 ? "record" : "records"),
          element("li", {}, "version ", element("strong", {}, number(told.version))),
          told.updated_at ? element("li", {}, "changed ", when(told.updated_at)) : null)
      : quiet("Nothing was gathered into it yet."),
    table("Configurations", configurationColumns, joined(data.configurations), "None feeds it."),
    table("Newest changes", [
      ["version", (row) => number(row.version)],
      ["change", (row) => state(row.op)],
      ["key", (row) => row.key, "long"],
      ["when", (row) => when(row.at)],
      ["fields", (row) => fields(row), "long"],
    ], data.changes, "None yet."),
    table("Newest runs", runColumns.slice(1), data.runs, "None yet."),
  ];
}
