// The matrices, out of the page's data. Lists there, names here.
const data = JSON.parse($("data").textContent);
const STATES = ["open", "closed", "some requests", "undecided"];
const SIGNS = { "open": "open", "closed": "closed", "some requests": "some", "undecided": "undecided" };
const WHO = ["application", "pooler", "platform", "others", "outside"];
const ISOLATED = ["not isolated", "isolated", "isolated at some times only, or not to be told"];
const text = (number) => data.texts[number];

function ground(place) {
  const [policy, rule, direction, effect, where, excerpt] = data.grounds[place].map(text);
  return { policy, rule, direction, effect, where, excerpt };
}

function cellOf(place) {
  const [state, wrong, requests, why, grounds] = data.cells[place];
  return { state: STATES[state], wrong: text(wrong), requests: text(requests), why: text(why), grounds };
}

function storeOf(place) {
  const [kind, namespace, name, service, pods, services, behind, isolated, ports, rows, unreadable] = data.stores[place];
  const made = { place, kind: text(kind), namespace: text(namespace), name: text(name), service: text(service) };
  made.key = made.namespace ? `${made.kind} ${made.namespace}/${made.name}` : `${made.kind} ${made.name}`;
  made.pods = text(pods);
  made.services = services.map(text);
  made.behind = text(behind);
  made.isolated = ISOLATED[isolated];
  made.unreadable = text(unreadable);
  made.ports = ports.map(([number, called, clients, warning]) => (
    { number, name: text(called), clients: clients === 1, warning: text(warning) }));
  made.rows = rows.map(([source, who, application, ...cells]) => (
    { source: text(source), who: WHO[who], application: text(application), cells }));
  return made;
}

const storeCount = data.stores.length;

/** What a search over a store looks at, in small letters: made when it is first asked for. */
const words = [];
function storeWords(place) {
  if (words[place] === undefined) {
    const store = storeOf(place);
    const rows = store.rows.map((row) => row.source);
    words[place] = [store.key, ...store.services, ...rows].join("\n").toLowerCase();
  }
  return words[place];
}
