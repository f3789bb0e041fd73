// What happens when the page is there: what needs a script is shown, and links into folded parts unfold them.
function start(within) {
  for (const root of within) {
    for (const table of all("table.matrix", root)) enhance(table);
    for (const hidden of all("[data-script]", root)) hidden.hidden = false;
    for (const details of all(".members", root)) {
      details.addEventListener("toggle", () => {
        if (details.open && !details.querySelector(".members-list").children.length) listMembers(details.closest("figure"));
      });
    }
  }
}

/** Opens what a link leads to. A store may be on a page that is not shown. */
function follow() {
  const name = location.hash.slice(1);
  if (!name) return;
  const found = document.getElementById(name) ?? document.getElementById(decodeURIComponent(name));
  if (found) {
    if (found.hidden) clearFilter();
    const details = found.querySelector(":scope > details");
    if (details) details.open = true;
    found.scrollIntoView({ block: "start" });
    return;
  }
  for (let place = 0; name.startsWith("store=") && place < storeCount; place += 1) {
    if (anchor("store", storeOf(place).key) === name) {
      goToStore(place);
      return;
    }
  }
}

const opened = new Set();
let moved = [];

/** On paper everything is unfolded, and what is short comes first: the reasons go behind the short answer. */
function beforePrint() {
  const reasons = make("section", { id: "reasons" }, make("h2", {}, "Why the gates say so"));
  moved = all(".card.verdict > details.all").map((details) => [details, details.parentElement, details.nextSibling]);
  for (const [details, card] of moved) reasons.append(make("h3", {}, card.querySelector("h2").textContent), details);
  if (moved.length) $("access").after(reasons);
  for (const details of all("main details:not([open])")) {
    opened.add(details);
    details.open = true;
  }
}

function afterPrint() {
  for (const details of opened) details.open = false;
  opened.clear();
  for (const [details, card, next] of moved) card.insertBefore(details, next);
  moved = [];
  $("reasons")?.remove();
}

const theme = kept();
if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
start([document]);
drawPager();
for (const field of all(".filter input, .filter select")) field.addEventListener("input", filterSoon);
document.querySelector(".filter").addEventListener("submit", (event) => event.preventDefault());
$("clear").addEventListener("click", (event) => { event.preventDefault(); clearFilter(); });
$("theme").addEventListener("click", toggleTheme);
$("help-open").addEventListener("click", () => $("help").showModal());
$("panel-close").addEventListener("click", closePanel);
$("bands-more")?.querySelector("button").addEventListener("click", showMoreBands);
document.addEventListener("keydown", onKey);
document.addEventListener("click", onClick);
addEventListener("hashchange", follow);
addEventListener("beforeprint", beforePrint);
addEventListener("afterprint", afterPrint);
follow();
document.documentElement.dataset.ready = "";
