"use strict";
// Tables: labels stay in view, columns sort (W3C APG: a button in the header cell, aria-sort on the cell); a suite's
// table also filters, hides columns, and turns its values into differences to the baseline. Asks no network for anything.
{
  const LABELS = 0.56;  // of the frame's width: what row labels may take
  const make = (name, about = {}, ...inside) => {
    const node = Object.assign(document.createElement(name), about);
    node.append(...inside);
    return node;
  };

  /** Keep as many row labels in view as leave room for numbers when a table is scrolled. */
  function stick(frame) {
    const table = frame.querySelector("table"), heads = table.tHead.rows[0].cells;
    const columns = [];
    for (const row of table.tBodies[0].rows) {
      row.querySelectorAll("th").forEach((cell, index) => (columns[index] ??= new Set()).add(cell.textContent));
    }
    // What has most values tells most; a label that is the same in every row can go first.
    const order = columns.map((_, index) => index).sort((a, b) => columns[b].size - columns[a].size || b - a);
    const stays = new Set();
    let room = LABELS * frame.clientWidth;
    for (const index of order) {
      if (heads[index].offsetWidth > room) continue;
      stays.add(index);
      room -= heads[index].offsetWidth;
    }
    frame.classList.toggle("wide", table.offsetWidth > frame.clientWidth);
    for (let index = 0, left = 0; index < columns.length; index++) {
      table.style.setProperty(`--stay-${index + 1}`, stays.has(index) ? "sticky" : "static");
      table.style.setProperty(`--left-${index + 1}`, `${left}px`);
      if (stays.has(index)) left += heads[index].offsetWidth;
    }
  }

  // --- Sorting.

  /** What a cell shows: in a suite's table its value or its difference. */
  function shownText(cell) {
    if (!cell) return "";
    const part = cell.querySelector(cell.closest("table").classList.contains("differences") ? "small" : "span");
    return (part ?? cell).textContent.trim();
  }

  const numberIn = (text) => Number.parseFloat(text.replaceAll(",", "").replaceAll("\u2212", "-").replace(/^x(?=\d)/, ""));

  /** Numbers by size, texts by letter; what has neither comes last either way. */
  function sortBy(table, index, falling) {
    const body = table.tBodies[0], rows = [...body.rows];
    const texts = new Map(rows.map((row) => [row, shownText(row.cells[index])]));
    const numbers = new Map(rows.map((row) => [row, numberIn(texts.get(row))]));
    const numeric = !rows.some((row) => row.cells[index]?.localName === "th");
    const missing = (row) => (numeric ? Number.isNaN(numbers.get(row)) : !texts.get(row));
    const compare = numeric
      ? (a, b) => numbers.get(a) - numbers.get(b)
      : (a, b) => texts.get(a).localeCompare(texts.get(b), "en", { numeric: true });
    rows.sort((a, b) => missing(a) - missing(b) || (missing(a) ? 0 : falling ? compare(b, a) : compare(a, b)));
    body.append(...rows);
    table.classList.add("sorted");
    for (const head of table.tHead.rows[0].cells) head.removeAttribute("aria-sort");
    table.tHead.rows[0].cells[index].setAttribute("aria-sort", falling ? "descending" : "ascending");
  }

  function makeSortable(table) {
    if (table.tBodies[0].rows.length < 3) return;
    for (const head of table.querySelectorAll("thead th:not(.see)")) {
      const button = make("button", { type: "button", className: "sort" }, ...head.childNodes);
      button.addEventListener("click", () => {
        const order = head.getAttribute("aria-sort");
        // Numbers begin with the largest, texts with A.
        sortBy(table, head.cellIndex, order ? order === "ascending" : head.classList.contains("n"));
      });
      head.append(button);
    }
  }

  // --- A suite's table: filters, columns, values or differences.

  /** Give a column of labels its filter: a choice of its values, or letters that a loss's name must hold. */
  function filterOf(table, index, apply) {
    const name = table.tHead.rows[0].cells[index].textContent.trim();
    const values = [...new Set([...table.tBodies[0].rows].map((row) => row.cells[index].textContent.trim()))];
    if (values.length < 2) return null;
    const typed = table.dataset.typed === String(index);
    const control = typed ? make("input", { type: "search", placeholder: "as GV", size: 12 }) : make("select");
    if (!typed) control.append(new Option("all", ""), ...values.map((value) => new Option(value)));
    if (values.includes(table.dataset.first)) control.value = table.dataset.first;
    control.addEventListener("input", apply);
    const fits = (text) => (typed ? text.toLowerCase().includes(control.value.trim().toLowerCase()) : text === control.value);
    return {
      label: make("label", {}, make("span", { textContent: name }), control),
      passes: (row) => !control.value || fits(row.cells[index].textContent.trim()),
    };
  }

  function chooserOf(table, done) {
    const heads = [...table.tHead.rows[0].cells].filter((head) => head.classList.contains("n"));
    const boxes = heads.map((head) => {
      const box = make("input", { type: "checkbox", checked: !head.hidden });
      box.addEventListener("input", () => {
        for (const row of table.rows) if (row.cells[head.cellIndex]) row.cells[head.cellIndex].hidden = !box.checked;
        done();
      });
      return make("label", {}, box, ` ${head.textContent.trim()}`);
    });
    return make("details", { className: "chooser" }, make("summary", { textContent: "Columns" }), ...boxes);
  }

  function equip(frame) {
    const table = frame.querySelector("table"), rows = [...table.tBodies[0].rows];
    const told = make("b");
    told.setAttribute("role", "status");
    table.caption.querySelector("span").append(" ", told);
    const labels = [...table.tHead.rows[0].cells].filter((head) => head.dataset.label !== undefined);
    const apply = () => {
      for (const row of rows) row.hidden = !filters.every((filter) => filter.passes(row));
      const shown = rows.filter((row) => !row.hidden), same = [];
      for (const head of labels) {
        // What all rows share is said beside the table once.
        const values = [...new Set(shown.map((row) => row.cells[head.cellIndex].textContent.trim()))].filter((text) => text !== "\u2014");
        const alike = values.length === 1 && head.cellIndex !== Number(table.dataset.typed);
        if (alike) same.push(values[0]);
        for (const row of table.rows) row.cells[head.cellIndex].hidden = alike;
      }
      told.textContent = `${shown.length} of ${rows.length} rows${same.length ? `: ${same.join(", ")}` : ""}`;
      if (frame.clientWidth) stick(frame);
    };
    const filters = labels.map((head) => filterOf(table, head.cellIndex, apply)).filter(Boolean);
    const toggle = make("button", { type: "button", className: "toggle", textContent: "Differences to the baseline" });
    const show = (differences) => {
      table.classList.toggle("differences", differences);
      table.classList.toggle("values", !differences);
      toggle.setAttribute("aria-pressed", String(differences));
      if (frame.clientWidth) stick(frame);
    };
    toggle.addEventListener("click", () => show(!table.classList.contains("differences")));
    const columns = chooserOf(table, () => stick(frame));
    const bar = make("div", { className: "controls" }, ...filters.map((filter) => filter.label), toggle, columns);
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", "What the table shows");
    frame.before(bar);
    show(false);
    apply();
  }

  // --- One suite at a time.

  const choice = document.getElementById("suite"), suites = [...document.querySelectorAll(".suite")];
  const showSuite = (id) => {
    for (const part of suites) part.hidden = part.id !== id;
    choice.value = id;
  };
  if (choice) {
    choice.closest("[hidden]").hidden = false;
    choice.addEventListener("change", () => showSuite(choice.value));
    const follow = () => {
      const linked = document.getElementById(decodeURIComponent(location.hash.slice(1)))?.closest(".suite");
      if (linked) showSuite(linked.id);
    };
    addEventListener("hashchange", follow);
    showSuite(suites[0].id);
    follow();
  }

  for (const frame of document.querySelectorAll(".scroll.data")) equip(frame);
  for (const table of document.querySelectorAll(".scroll table")) makeSortable(table);
  // Widths are known when a frame is shown, and change with the window.
  const frames = new ResizeObserver((seen) => { for (const { target } of seen) if (target.clientWidth) stick(target); });
  for (const frame of document.querySelectorAll(".scroll")) frames.observe(frame);
}
