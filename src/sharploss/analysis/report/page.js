"use strict";
// The page's script: keeps labels in view, filters the claims, opens what a link leads to. Asks no network for anything.

const at = (id) => document.getElementById(id);

// --- Tables: labels of a row stay in view when it is scrolled, as many as leave room for numbers.

const LABELS = 0.56;  // of the frame's width

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

// Widths are known when a frame is shown, and change with the window.
const frames = new ResizeObserver((seen) => { for (const { target } of seen) if (target.clientWidth) stick(target); });
for (const frame of document.querySelectorAll(".scroll")) frames.observe(frame);

// --- The claims: filters, and links to a claim open it.

const claims = [...document.querySelectorAll(".claim")];

function filterClaims() {
  const wanted = ["paper", "published", "measured"].map((name) => [name, at(`by-${name}`).value]);
  for (const claim of claims) claim.hidden = wanted.some(([name, value]) => value && claim.dataset[name] !== value);
  const shown = claims.filter((claim) => !claim.hidden);
  at("shown-claims").textContent = `${shown.length} of ${claims.length} claims`;
  at("open-claims").textContent = shown.length && shown.every((claim) => claim.open) ? "Close all" : "Open all";
}

function openClaims() {
  const shown = claims.filter((claim) => !claim.hidden);
  const open = !shown.every((claim) => claim.open);
  for (const claim of shown) claim.open = open;
  filterClaims();
}

function openLinked() {
  const target = at(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  for (let node = target; node; node = node.parentElement) if (node.localName === "details") node.open = true;
  if (target.classList.contains("claim")) {
    target.hidden = false;
    target.scrollIntoView();
  }
}

if (claims.length) {
  for (const name of ["paper", "published", "measured"]) at(`by-${name}`).addEventListener("change", filterClaims);
  at("open-claims").addEventListener("click", openClaims);
}
addEventListener("hashchange", openLinked);
openLinked();

// What is folded away would not be printed; the claims' details stay folded, they are tens of pages.
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open]):not(.claim)")];
  for (const part of folded) part.open = true;
});
addEventListener("afterprint", () => { for (const part of folded) part.open = false; });

document.documentElement.setAttribute("data-ready", "");
