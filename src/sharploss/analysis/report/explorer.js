"use strict";
// The image explorer: compares crops. A script of its own beside the page's; asks no network for anything.
// Links lead to a state of it: #explore?crop=NAME&network=NAME&panes=LOSS,LOSS (or left=LOSS&right=LOSS)&zoom=4&mode=MODE
{
  const crops = JSON.parse(document.getElementById("explorer-data").textContent);
  const at = (id) => document.getElementById(id);

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

  if (crops.length) startExplorer();
}
