"use strict";
// The report's only script: filters the claims, and compares crops. Asks no network for anything.

const crops = JSON.parse(document.getElementById("data").textContent);
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

// --- The explorer.

const crop = () => crops[at("crop").value];
const network = () => crop().networks[at("network").value];
const pictureOf = (id) => network().pictures[at(id).value];
const nameOf = (id) => at(id).selectedOptions[0]?.text;

function fill(id, names, chosen) {
  const select = at(id);
  select.replaceChildren(...names.map((name, index) => new Option(name, index)));
  select.value = Math.max(0, Math.min(names.length - 1, chosen));
}

function chooseCrop() {
  const names = crop().networks.map((one) => one.name);
  fill("network", names, names.indexOf(nameOf("network")));
  chooseNetwork();
}

/** Keep the losses that were chosen where the network has them; else the first and the last. */
function chooseNetwork() {
  const names = network().pictures.map((one) => one.title);
  const place = (name, other) => (names.includes(name) ? names.indexOf(name) : other);
  fill("left", names, place(nameOf("left"), 2));
  fill("right", names, place(nameOf("right"), names.length - 1));
  at("sheet").replaceChildren(...network().pictures.map((picture, index) => {
    const item = document.createElement("li"), button = document.createElement("button"), image = new Image();
    [image.src, image.alt] = [picture.address, ""];
    button.type = "button";
    button.setAttribute("aria-label", `${picture.title}: show on the right`);
    button.append(image, picture.title);
    button.addEventListener("click", () => { at("right").value = index; compare(); });
    item.append(button);
    return item;
  }));
  compare();
}

function compare() {
  const [left, right] = [pictureOf("left"), pictureOf("right")];
  for (const [id, side, picture] of [["under", "Left", left], ["over", "Right", right]]) {
    at(id).src = picture.address;
    at(id).alt = `${side}: ${picture.title}, ${network().name}, ${crop().name}`;
  }
  [at("minuend").src, at("subtrahend").src] = [left.address, right.address];
  at("difference").style.setProperty("--gain", at("gain").value);
  at("compared").textContent = `Left, ${left.title}: ${left.note}. Right, ${right.title}: ${right.note}.`;
  at("sheet").querySelectorAll("button").forEach((button, index) =>
    button.setAttribute("aria-pressed", String(index === Number(at("right").value))));
  resize();
}

function resize() {
  const zoom = Number(at("zoom").value);
  for (const id of ["stage", "difference"]) {
    at(id).style.width = `${network().width * zoom}px`;
    at(id).style.height = `${network().height * zoom}px`;
  }
}

function slide() {
  const share = at("slider").value;
  at("stage").style.setProperty("--at", `${share}%`);
  at("slider").setAttribute("aria-valuetext", `${share} % left, ${100 - share} % right`);
}

function drag(event) {
  if (!event.buttons) return;
  const box = at("stage").getBoundingClientRect();
  at("slider").value = Math.round(100 * (event.clientX - box.left) / box.width);
  slide();
}

function startExplorer() {
  if (innerWidth > 700) at("zoom").value = 6;
  fill("crop", crops.map((one) => `${one.name} (${one.image}, ${one.task})`), 0);
  at("crop").addEventListener("change", chooseCrop);
  at("network").addEventListener("change", chooseNetwork);
  for (const id of ["left", "right", "gain"]) at(id).addEventListener("change", compare);
  at("zoom").addEventListener("change", resize);
  at("slider").addEventListener("input", slide);
  for (const name of ["pointerdown", "pointermove"]) at("stage").addEventListener(name, drag);
  slide();
  chooseCrop();
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

if (crops.length) startExplorer();
document.documentElement.setAttribute("data-ready", "");
