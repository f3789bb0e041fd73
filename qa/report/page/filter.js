// The filter: what does not match is hidden; a store that matches is shown wherever it is in the data.
const filter = { search: "", service: "", severity: "", namespace: "" };
const itemWords = new WeakMap();

function wordsOf(item) {
  let found = itemWords.get(item);
  if (found === undefined) itemWords.set(item, found = item.textContent.toLowerCase());
  return found;
}

function matches(item) {
  for (const key of ["service", "severity", "namespace"]) {
    if (filter[key] && item.dataset[key] !== undefined && item.dataset[key] !== filter[key]) return false;
  }
  return filter.search === "" || wordsOf(item).includes(filter.search);
}

const filtering = () => Object.values(filter).some(Boolean);

function matchingStores() {
  return [...Array(storeCount).keys()].filter((place) => {
    const [, namespace, , service] = data.stores[place];
    return (!filter.service || text(service) === filter.service)
      && (!filter.namespace || text(namespace) === filter.namespace)
      && (!filter.search || storeWords(place).includes(filter.search));
  });
}

function applyFilter() {
  let shown = 0;
  const stores = matchingStores();
  const matching = new Set(stores);
  for (const section of all("main > section")) {
    const items = all(".item", section);
    let here = 0;
    for (const item of items) {
      const group = item.dataset.group;
      const fits = group === undefined ? matches(item)
        : (!filter.service || item.dataset.service === filter.service)
          && data.groups[Number(group)].some((member) => matching.has(member[0]));
      if (item.hidden === fits) item.hidden = !fits;
      here += fits;
      if (group !== undefined && fits) followGroup(item, matching);
      if (fits && section.id === "access") markGuests(item);
    }
    if (section.id === "matrix") {
      if (stores.length !== shownStores.length || stores.some((place, at) => place !== shownStores[at])) showStores(stores);
      markRows();
      here = stores.length;
    }
    tell(section, here, items.length);
    shown += here;
  }
  const more = $("access-more");
  if (more) more.open = filtering() ? all(".item:not([hidden])", more).length > 0 : more.open && !wasFiltering;
  wasFiltering = filtering();
  $("matches").textContent = filtering() ? `${counted(shown, "match").replace("matchs", "matches")}` : "";
}
let wasFiltering = false;

/** Where some of a store's guests match what is searched for, the others step back. */
function markGuests(card) {
  const guests = all(".guest", card);
  const fits = (guest) => filter.search !== "" && wordsOf(guest).includes(filter.search);
  const some = guests.some(fits);
  for (const guest of guests) guest.classList.toggle("faint", some && !fits(guest));
}

function markRows() {
  for (const row of all("#stores tbody tr")) {
    row.classList.toggle("hit", filter.search !== "" && wordsOf(row).includes(filter.search));
  }
}

/** Of a group of many pictures, those are offered that match. */
function followGroup(figure, matching) {
  const details = figure.querySelector(".members");
  if (filtering()) {
    details.open = true;
    listMembers(figure, matching);
  } else if (wasFiltering) {
    details.open = false;
  }
}

function tell(section, here, of) {
  const none = section.querySelector(".none");
  if (none) none.hidden = !(filtering() && here === 0);
  const said = section.querySelector(".shown");
  if (said) said.textContent = filtering() ? `${here.toLocaleString("en")} of ${Number(said.dataset.of).toLocaleString("en")}` : "";
}

let waiting = 0;

/** Reads the filter when the keys rest: in a large estate a letter matches a thousand things. */
function filterSoon() {
  clearTimeout(waiting);
  waiting = setTimeout(readFilter, 60);
}

function readFilter() {
  clearTimeout(waiting);
  filter.search = $("search").value.trim().toLowerCase();
  for (const key of ["service", "severity", "namespace"]) filter[key] = $(key).value.trim();
  applyFilter();
}

function clearFilter() {
  document.querySelector(".filter").reset();
  readFilter();
}
