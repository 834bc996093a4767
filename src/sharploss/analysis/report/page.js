"use strict";
// The report's only script: unpacks the figures, filters the claims, and compares crops. Asks no network for anything.

const data = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);
const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

// --- Figures: compressed in the page, made into pictures here.

async function unpack(figure) {
  if (figure.kind !== "svg") return new Blob([bytesOf(figure.data)], { type: `image/${figure.kind}` });
  const stream = new Blob([bytesOf(figure.data)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Blob([await new Response(stream).arrayBuffer()], { type: "image/svg+xml" });
}

async function showFigures() {
  const images = [...document.querySelectorAll("img[data-figure]")];
  await Promise.all(images.map(async (image) => {
    image.src = URL.createObjectURL(await unpack(data.figures[image.dataset.figure]));
    await image.decode();
  }));
}

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

// --- The ledger: filters, and links to a claim open it.

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

const cache = new Map();

/** Pixels of a picture by its number; some are stored as the difference to another one plus 128, modulo 256. */
function pixelsOf(index) {
  if (!cache.has(index)) cache.set(index, decode(data.pictures[index]));
  return cache.get(index);
}

async function decode({ png, base }) {
  const image = new Image();
  image.src = `data:image/png;base64,${png}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const found = context.getImageData(0, 0, canvas.width, canvas.height);
  if (base === null) return found;
  const other = (await pixelsOf(base)).data;
  // Uint8ClampedArray clamps, so the sum is wrapped by hand.
  for (let i = 0; i < found.data.length; i++) if (i % 4 < 3) found.data[i] = (found.data[i] + other[i] + 128) & 255;
  return found;
}

function put(canvas, pixels) {
  [canvas.width, canvas.height] = [pixels.width, pixels.height];
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

function greyOf({ data: values, width, height }) {
  const grey = new Float64Array(width * height);
  for (let i = 0; i < grey.length; i++) grey[i] = 0.2989 * values[4 * i] + 0.587 * values[4 * i + 1] + 0.114 * values[4 * i + 2];
  return grey;
}

/** Magnitude of Sobel's gradients of a grey picture, per pixel step; the border repeats the outermost pixels. */
function gradientsOf(pixels) {
  const { width, height } = pixels, grey = greyOf(pixels), found = new Float64Array(grey.length);
  const value = (x, y) => grey[Math.min(height - 1, Math.max(0, y)) * width + Math.min(width - 1, Math.max(0, x))];
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
    let across = 0, down = 0;
    for (let step = -1; step <= 1; step++) {
      const weight = step ? 1 : 2;
      across += weight * (value(x + 1, y + step) - value(x - 1, y + step));
      down += weight * (value(x + step, y + 1) - value(x + step, y - 1));
    }
    found[y * width + x] = Math.hypot(across, down) / 8;
  }
  return found;
}

function drawGrey(canvas, values, { width, height }) {
  const pixels = new ImageData(width, height);
  values.forEach((value, i) => pixels.data.set([value, value, value, 255], 4 * i));
  put(canvas, pixels);
}

function psnr(pixels, target) {
  let sum = 0;
  pixels.data.forEach((value, i) => { sum += (value - target.data[i]) ** 2; });
  const error = sum / (pixels.data.length / 4 * 3);
  return error ? `PSNR ${(10 * Math.log10(255 ** 2 / error)).toFixed(2)} dB (RGB)` : "the target itself";
}

function tell(name, pixels, target) {
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const share = mean(gradientsOf(pixels)) / mean(gradientsOf(target));
  return `${name}: ${psnr(pixels, target)}, mean gradient ${share.toFixed(2)} of the target's.`;
}

const crop = () => data.crops[at("crop").value];
const network = () => crop().networks[at("network").value];
const pictureOf = (id) => network().pictures[at(id).value];

function fill(id, names, chosen) {
  const select = at(id);
  select.replaceChildren(...names.map((name, index) => new Option(name, index)));
  select.value = Math.max(0, Math.min(names.length - 1, chosen));
}

/** Keep the losses that were chosen where the network has them; else the first two. */
function fillPictures(left, right) {
  const names = network().pictures.map(([name]) => name);
  const place = (name, other) => (names.includes(name) ? names.indexOf(name) : other);
  fill("left", names, place(left, 2));
  fill("right", names, place(right, names.length - 1));
  fillSheet();
}

const nameOf = (id) => at(id).selectedOptions[0]?.text;

function chooseCrop() {
  const before = nameOf("network"), names = crop().networks.map((one) => one.name);
  fill("network", names, names.indexOf(before));
  return chooseNetwork();
}

function chooseNetwork() {
  fillPictures(nameOf("left"), nameOf("right"));
  return compare();
}

async function fillSheet() {
  const items = network().pictures.map(([name, index], place) => {
    const item = document.createElement("li"), button = document.createElement("button");
    const canvas = document.createElement("canvas");
    button.type = "button";
    button.setAttribute("aria-label", `${name}: show on the right`);
    button.append(canvas, name);
    button.addEventListener("click", () => { at("right").value = place; compare(); });
    item.append(button);
    pixelsOf(index).then((pixels) => put(canvas, pixels));
    return item;
  });
  at("sheet").replaceChildren(...items);
}

async function compare() {
  const shown = [pictureOf("left"), pictureOf("right"), network().pictures[0]];
  const [left, right, target] = await Promise.all(shown.map(([, index]) => pixelsOf(index)));
  const [leftName, rightName] = shown.map(([name]) => name);
  put(at("under"), left);
  put(at("over"), right);
  at("under").setAttribute("aria-label", `Left: ${leftName}, ${network().name}, ${crop().name}`);
  at("over").setAttribute("aria-label", `Right: ${rightName}, ${network().name}, ${crop().name}`);
  const gain = Number(at("gain").value), [a, b] = [greyOf(left), greyOf(right)];
  drawGrey(at("map-difference"), a.map((value, i) => 128 + gain * (b[i] - value)), left);
  for (const [id, pixels] of [["map-left", left], ["map-right", right], ["map-target", target]])
    drawGrey(at(id), gradientsOf(pixels).map((value) => 4 * value), pixels);
  at("compared").textContent = `${tell(`Left, ${leftName}`, left, target)} ${tell(`Right, ${rightName}`, right, target)}`;
  [...at("sheet").querySelectorAll("button")].forEach((button, place) =>
    button.setAttribute("aria-pressed", String(place === Number(at("right").value))));
  resize();
}

function resize() {
  const zoom = Number(at("zoom").value);
  at("stage").style.width = `${at("under").width * zoom}px`;
  at("stage").style.height = `${at("under").height * zoom}px`;
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
  fill("crop", data.crops.map((one) => `${one.name} (${one.image}, ${one.task})`), 0);
  at("crop").addEventListener("change", chooseCrop);
  at("network").addEventListener("change", chooseNetwork);
  for (const id of ["left", "right", "gain"]) at(id).addEventListener("change", compare);
  at("zoom").addEventListener("change", resize);
  at("slider").addEventListener("input", slide);
  for (const name of ["pointerdown", "pointermove"]) at("stage").addEventListener(name, drag);
  slide();
  return chooseCrop();
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

const ready = Promise.all([showFigures(), data.crops.length ? startExplorer() : null]);
ready.then(() => document.documentElement.setAttribute("data-ready", ""));
