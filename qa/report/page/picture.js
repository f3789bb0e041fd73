// The pictures: what belongs to a box is lit, and another one of many alike is the same drawing with other names.
const LABEL = 25, SUB = 33, MEMBERS = 20;
const shortened = (words, letters) => (words.length <= letters ? words : `${words.slice(0, letters - 1)}…`);

/** Lights everything with the same name as a box in every picture; nothing for null. */
function lit(node) {
  const name = node ? node.querySelector("title").textContent : null;
  for (const picture of all(".picture")) {
    const found = name === null ? [] : all(".node", picture).filter((each) => each.querySelector("title").textContent === name);
    picture.classList.toggle("dim", found.length > 0);
    for (const each of all(".lit", picture)) each.classList.remove("lit");
    if (found.length) light(picture, found);
  }
}

/** Lights boxes, and the lines and boxes that lead on from them, and to them. */
function light(picture, found) {
  const nodes = all(".node", picture), edges = all(".band .edge", picture);
  const ends = edges.map((edge) => /^M(\S+) (\S+)C.* (\S+) (\S+)$/.exec(edge.getAttribute("d")).slice(1).map(Number));
  const boxes = nodes.map((node) => {
    const box = node.querySelector("rect");
    return { left: Number(box.getAttribute("x")), right: Number(box.getAttribute("x")) + Number(box.getAttribute("width")),
      middle: Number(box.getAttribute("y")) + Number(box.getAttribute("height")) / 2 };
  });
  const at = (x, y, side) => boxes.findIndex((box) => box[side] === x && box.middle === y);
  const links = ends.map(([x, y, z, v]) => [at(x, y, "right"), at(z, v, "left")]);
  for (const way of [[0, 1], [1, 0]]) {
    const seen = new Set(found.map((node) => nodes.indexOf(node)));
    for (const place of seen) {
      nodes[place].classList.add("lit");
      links.forEach((link, number) => {
        if (link[way[0]] !== place) return;
        edges[number].classList.add("lit");
        seen.add(link[way[1]]);
      });
    }
  }
  for (const label of all(".ports", picture)) {
    label.classList.toggle("lit", edges[Number(label.dataset.edge)].classList.contains("lit"));
  }
}

/** The drawing of a group with the names of another of its members. */
function memberPicture(figure, member) {
  const [place, parts] = member;
  const drawn = figure.querySelector(".band").cloneNode(true);
  const store = storeOf(place);
  drawn.setAttribute("aria-label", store.key);
  all(".node", drawn).forEach((node, number) => {
    const [label, sub, ref] = parts.slice(3 * number, 3 * number + 3).map(text);
    node.setAttribute("href", `#${anchor("store", store.key)}`);
    node.dataset.ref = ref;
    node.setAttribute("aria-label", `${label}, ${sub}`);
    node.querySelector("title").textContent = `${label}\n${sub}`;
    const sign = node.classList.contains("wrong") ? "! " : "";
    node.querySelector(".label").textContent = shortened(sign + label, LABEL);
    node.querySelector(".sub").textContent = shortened(sub, SUB);
  });
  return drawn;
}

/** Draws a member of a group in the place of the one that is shown. */
function showMember(figure, member) {
  const store = storeOf(member[0]);
  figure.querySelector(".band").replaceWith(memberPicture(figure, member));
  figure.querySelector(".scroll").setAttribute("aria-label", `Picture of ${store.key}`);
  figure.querySelector(".member").textContent = `${store.namespace}/${store.name}`;
}

/** Fills the list of a group's members with those that match; the first of them is drawn. */
function listMembers(figure, matching = null) {
  const members = data.groups[Number(figure.dataset.group)];
  const found = matching ? members.filter((member) => matching.has(member[0])) : members;
  const list = make("ul", { class: "offered" });
  for (const member of found.slice(0, MEMBERS)) {
    const store = storeOf(member[0]);
    const button = make("button", { type: "button", class: "button" }, `${store.namespace}/${store.name}`);
    button.addEventListener("click", () => showMember(figure, member));
    list.append(make("li", {}, button));
  }
  const more = found.length - MEMBERS;
  figure.querySelector(".members-list").replaceChildren(list,
    more > 0 ? make("p", { class: "lead" }, `${more.toLocaleString("en")} more: search to find one.`) : "");
  if (found.length) showMember(figure, found[0]);
}

function showMoreBands() {
  const template = $("bands"), more = $("bands-more");
  const next = [...template.content.children].slice(0, 24);
  more.before(...next);
  start(next);
  const left = template.content.children.length;
  more.querySelector("span").textContent = `${counted(left, "more picture")}.`;
  more.hidden = left === 0;
  applyFilter();
}
