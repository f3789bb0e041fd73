// The keys. None of them takes one away from a field that somebody types in.
function onKey(event) {
  if (event.defaultPrevented || event.metaKey || event.altKey) return;
  if (event.ctrlKey) {
    moveInGrid(event);
    return;
  }
  const typing = event.target.matches?.("input, select, textarea");
  if (event.key === "Escape") {
    if ($("help").open) return;
    if (closePanel()) event.preventDefault();
    else if (filtering()) {
      clearFilter();
      event.preventDefault();
    }
    return;
  }
  if (typing || $("help").open) return;
  if (moveInGrid(event)) return;
  if (event.key === "/") {
    event.preventDefault();
    $("search").focus();
    $("search").select();
  } else if (event.key === "?") {
    $("help").showModal();
  } else if (event.key === "t") {
    toggleTheme();
  }
}

/** The panel is left by Tab at its ends for where the reader came from: it holds nobody. */
function onClick(event) {
  const cell = event.target.closest("[data-cell], [data-line]");
  if (cell) return chooseCell(cell);
  const named = event.target.closest("[data-ref]");
  if (named && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    showRef(named.dataset.ref);
    if (named.matches(".node")) lit(named);
  }
  return undefined;
}
