// The matrices: pages of stores, cells that the arrow keys reach, and what a click shows.
const PAGE = Number($("stores").children.length) || 24;
let shownStores = [...Array(storeCount).keys()];
let firstShown = 0;

function cellElement(number, ref) {
  const cell = cellOf(number);
  return make("td", { class: `${dashed(cell.state)}${cell.wrong ? " wrong" : ""}`, "data-cell": ref },
    icon(SIGNS[cell.state]), `${cell.state}${cell.wrong ? " !" : ""}`);
}

/** The same as the page holds for its first stores. */
function storeElement(place) {
  const store = storeOf(place);
  const where = `${store.kind}${store.namespace ? ` in ${store.namespace}` : ""}`;
  const made = make("article", { class: "store", id: anchor("store", store.key), "data-store": place },
    make("h3", {}, `${store.name} `, make("small", {}, where)));
  if (store.unreadable) {
    made.append(make("p", { class: "unreadable" }, icon("undecided"), `cannot be said: ${store.unreadable}`));
    return made;
  }
  const services = store.services.length
    ? ` · ${store.services.length > 1 ? "Services" : "Service"} ${store.services.join(", ")}` : "";
  made.append(make("p", { class: "meta" }, `${store.pods}${services} · ${store.isolated}`));
  const heads = store.ports.map((port) => make("th", { scope: "col", title: port.warning || null }, `${port.number}`,
    make("small", {}, port.clients ? "for clients" : port.name)));
  const rows = store.rows.map((row, number) => make("tr", { class: row.who, id: anchor("row", `r${place}.${number}`) },
    make("th", { scope: "row" }, row.source),
    ...row.cells.map((cell, at) => cellElement(cell, `${place}.${number}.${at}`))));
  const table = make("table", { class: "matrix", "aria-label": `Who can open the ports of ${store.key}` },
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "who"), ...heads)), make("tbody", {}, ...rows));
  made.append(make("div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": `Ports of ${store.key}` }, table));
  return made;
}

/** Makes a table one that the arrow keys move in: one cell of it is in the order of the Tab key. */
function enhance(table) {
  table.setAttribute("role", "grid");
  for (const row of all("tr", table)) row.setAttribute("role", "row");
  for (const head of all("thead th", table)) head.setAttribute("role", "columnheader");
  for (const head of all("tbody th", table)) head.setAttribute("role", "rowheader");
  for (const cell of all("td", table)) {
    cell.setAttribute("role", "gridcell");
    if (cell.dataset.cell || cell.dataset.line) cell.tabIndex = -1;
  }
  const first = table.querySelector("td[tabindex]");
  if (first) first.tabIndex = 0;
}

function showStores(places, from = 0) {
  shownStores = places;
  firstShown = Math.max(0, Math.min(from, Math.floor((places.length - 1) / PAGE) * PAGE));
  const elements = places.slice(firstShown, firstShown + PAGE).map(storeElement);
  for (const table of elements.flatMap((each) => all("table", each))) enhance(table);
  $("stores").replaceChildren(...elements);
  drawPager();
}

function drawPager() {
  const pager = $("pager");
  if (!pager) return;
  const last = Math.min(firstShown + PAGE, shownStores.length);
  const button = (label, at, on) => {
    const made = make("button", { type: "button", class: "button", disabled: on ? null : "" }, label);
    made.addEventListener("click", () => { showStores(shownStores, at); $("matrix-title").scrollIntoView(); });
    return made;
  };
  pager.replaceChildren(button("‹ Before", firstShown - PAGE, firstShown > 0),
    make("span", {}, `${(shownStores.length ? firstShown + 1 : 0).toLocaleString("en")}–${last.toLocaleString("en")} of ${shownStores.length.toLocaleString("en")}`),
    button("After ›", firstShown + PAGE, last < shownStores.length));
}

/** Brings a store's matrix into view, whatever page it is on and whatever is filtered. */
function goToStore(place) {
  closePanel();
  let at = shownStores.indexOf(place);
  if (at < 0) {
    clearFilter();
    at = shownStores.indexOf(place);
  }
  const wanted = Math.floor(at / PAGE) * PAGE;
  if (wanted !== firstShown || !document.querySelector(`[data-store="${place}"]`)) showStores(shownStores, wanted);
  const found = document.querySelector(`[data-store="${place}"]`);
  history.replaceState(null, "", `#${found.id}`);
  found.scrollIntoView({ block: "start" });
  const cell = found.querySelector("td[tabindex]");
  if (cell) cell.focus({ preventScroll: true });
}

const STEPS = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };

/** Moves the focus inside a matrix; whether the key was one for that. */
function moveInGrid(event) {
  const cell = event.target.closest?.("td[tabindex]");
  if (!cell || event.ctrlKey && !["Home", "End"].includes(event.key)) return false;
  const table = cell.closest("table"), rows = all("tbody tr", table), row = cell.parentElement;
  let next = null;
  if (event.key in STEPS) {
    const [down, right] = STEPS[event.key];
    for (let at = rows.indexOf(row) + down, column = cell.cellIndex + right; rows[at]; at += down, column += right) {
      next = rows[at].cells[column];
      if (!next || next.tabIndex >= -1 && next.hasAttribute("tabindex")) break;
    }
  } else if (event.key === "Home" || event.key === "End") {
    const cells = all("td[tabindex]", event.ctrlKey ? table : row);
    next = event.key === "Home" ? cells[0] : cells.at(-1);
  } else if (event.key === "Enter" || event.key === " ") {
    chooseCell(cell);
    event.preventDefault();
    return true;
  } else {
    return false;
  }
  event.preventDefault();
  if (next && next.hasAttribute("tabindex")) {
    for (const each of all('td[tabindex="0"]', table)) each.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }
  return true;
}

function chooseCell(cell) {
  for (const each of all('td[tabindex="0"]', cell.closest("table"))) each.tabIndex = -1;
  cell.tabIndex = 0;
  cell.focus({ preventScroll: true });
  if (cell.dataset.cell) showCell(...cell.dataset.cell.split(".").map(Number));
  else showLine(cell);
  cell.classList.add("chosen");
}
