// The panel at the side: what decides a cell, a line or a box. It gives the focus back when it closes.
let cameFrom = null;

function openPanel(title, ...children) {
  const panel = $("panel");
  if (panel.hidden) cameFrom = document.activeElement;
  for (const chosen of all(".chosen")) chosen.classList.remove("chosen");
  $("panel-body").replaceChildren(make("h2", { id: "panel-title" }, title), ...children.filter((child) => child));
  panel.hidden = false;
  panel.scrollTop = 0;
  panel.focus({ preventScroll: true });
}

function closePanel() {
  if ($("panel").hidden) return false;
  $("panel").hidden = true;
  for (const chosen of all(".chosen")) chosen.classList.remove("chosen");
  lit(null);
  if (cameFrom && cameFrom.isConnected) cameFrom.focus({ preventScroll: true });
  cameFrom = null;
  return true;
}

function saidOf(cell, port) {
  const line = make("p", { class: `said ${dashed(cell.state)} ${cell.wrong ? "wrong" : ""}` });
  line.append(make("b", {}, icon(SIGNS[cell.state]), cell.state), make("span", {}, port));
  if (cell.requests) line.append(make("span", {}, `only ${cell.requests}`));
  if (cell.wrong) line.append(make("span", {}, `! ${cell.wrong}`));
  return line;
}

function groundBox(place) {
  const part = ground(place);
  return make("div", { class: "ground" },
    make("b", {}, part.rule || part.policy), ` ${part.effect}${part.rule ? "" : ` the pods (${part.direction})`}`,
    part.where ? make("p", { class: "place" }, part.where) : null,
    part.excerpt ? make("pre", { tabindex: "0" }, part.excerpt) : null);
}

function decided(cell) {
  if (!cell.grounds.length) return [make("p", {}, `No policy decides: ${cell.why}.`)];
  return [
    make("h3", {}, cell.state === "undecided" ? "What it depends on" : "Decided by"),
    ...cell.grounds.map(groundBox),
    make("p", { class: "place" }, cell.why),
  ];
}

const portName = (port) => `port ${port.number}${port.name ? ` (${port.name})` : ""}`;

function showCell(place, rowNumber, portNumber) {
  const store = storeOf(place), row = store.rows[rowNumber], port = store.ports[portNumber];
  const cell = cellOf(row.cells[portNumber]);
  openPanel(`${row.source} → ${store.name}`, saidOf(cell, portName(port)),
    port.warning ? make("p", { class: "place" }, port.warning) : null, ...decided(cell));
}

function showRow(place, rowNumber) {
  const store = storeOf(place), row = store.rows[rowNumber];
  const parts = row.cells.flatMap((number, at) => {
    const cell = cellOf(number);
    return cell.state === "closed" && !cell.wrong ? [] : [saidOf(cell, portName(store.ports[at])), ...decided(cell)];
  });
  openPanel(`${row.source} → ${store.name}`, ...parts, storeLink(place));
}

function showGround(place) {
  const part = ground(place);
  openPanel(part.policy, groundBox(place));
}

function storeLink(place) {
  const link = make("a", { href: `#${anchor("store", storeOf(place).key)}` }, "The whole matrix of this store");
  link.addEventListener("click", (event) => { event.preventDefault(); goToStore(place); });
  return make("p", {}, link);
}

function showLine(cell) {
  const row = cell.closest("tr"), names = [...row.children].slice(0, 3).map((each) => each.textContent);
  const tls = cell.cellIndex === 3;
  const wrong = cell.dataset.wrong;
  openPanel(`${names[0]} → database ${names[1]}`,
    make("p", { class: `said ${cell.classList.contains("open") ? "open" : "closed"} ${wrong ? "wrong" : ""}` },
      make("b", {}, icon(cell.classList.contains("open") ? "open" : "closed"),
        cell.classList.contains("open") ? "enters" : "kept out"),
      make("span", {}, `${names[2]}, ${tls ? "with" : "without"} TLS`), wrong ? make("span", {}, `! ${wrong}`) : ""),
    make("h3", {}, "Decided by this line of pg_hba"), make("pre", { tabindex: "0" }, cell.dataset.line));
}

/** What a box of the picture, or a name, refers to. */
function showRef(ref) {
  const [first, second] = ref.slice(1).split(".").map(Number);
  if (ref[0] === "r") showRow(first, second);
  else if (ref[0] === "g") showGround(first);
  else goToStore(first);
}
