"use strict";
// The image explorer: compares crops. A script of its own beside the page's; asks no network for anything.
// Links lead to a state of it: #explore?crop=NAME&network=NAME&panes=LOSS,LOSS (or left=LOSS&right=LOSS)&zoom=4&mode=MODE
{
  const MOST_ZOOM = 16, PERIOD = 700, LINK = "#explore?", STEP = 0.1;  // PERIOD in ms; STEP is a share of a view
  const at = (id) => document.getElementById(id);
  const crops = JSON.parse(at("explorer-data").textContent);
  const part = at("explorer-part"), stage = at("stage"), panes = [...part.querySelectorAll(".pane")];
  const selects = panes.map((pane) => pane.querySelector("select"));
  const views = [...part.querySelectorAll(".view")], pointers = new Map();
  // What is shown: where its middle is, in shares of the picture; zoom 0 is the largest whole one at which it fits.
  const state = { x: 0.5, y: 0.5, zoom: 0 };
  let timer = 0, sliding = false;

  const crop = () => crops[at("crop").value];
  const network = () => crop().networks[at("network").value];
  const mode = () => at("mode").value;
  const shown = () => selects.slice(0, mode() === "side" ? Number(at("count").value) : 2).map((one) => network().pictures[one.value]);
  const cropTitle = () => `${crop().name.replaceAll("_", " ")} (${crop().image})`;
  const without = (picture) => `${picture.title} is not shown of this crop: ${picture.missing || "it was not restored"}.`;
  const clamp = (value, least, most) => Math.max(least, Math.min(most, value));

  /** The place in a list of what a link names: by its name, the name of its loss, or its title. */
  function find(list, wanted) {
    if (wanted == null) return -1;
    for (const key of ["name", "loss", "title"]) {
      const place = list.findIndex((one) => one[key] === wanted);
      if (place >= 0) return place;
    }
    return -1;
  }

  // --- What there is to choose.

  function fill(select, options, chosen) {
    select.replaceChildren(...options);
    select.value = clamp(chosen, 0, select.options.length - 1);
  }

  /** Keep the network that was chosen where the crop has it. */
  function chooseCrop(wanted = at("network").selectedOptions[0]?.text) {
    [state.x, state.y] = [0.5, 0.5];
    fill(at("network"), crop().networks.map((one, index) => new Option(one.title, index)), find(crop().networks, wanted));
    chooseNetwork();
  }

  /** Keep the losses that were chosen where the network has them; else take the first losses, the last and the target. */
  function chooseNetwork(wanted = selects.map((one) => one.selectedOptions[0]?.text)) {
    const pictures = network().pictures, here = pictures.map((_, index) => index).filter((index) => pictures[index].address);
    const usual = [here[2], here.at(-1), 0, 1];
    selects.forEach((select, index) => {
      const groups = [["Restored", true], ["Not restored here", false]].map(([label, there]) => {
        const group = document.createElement("optgroup");
        group.label = label;
        pictures.forEach((one, place) => { if (Boolean(one.address) === there) group.append(new Option(one.title, place)); });
        return group;
      });
      select.replaceChildren(...groups.filter((group) => group.children.length));
      const place = find(pictures, wanted[index]);
      select.value = place < 0 ? usual[index] ?? 0 : place;
    });
    part.style.setProperty("--ratio", network().width / network().height);
    at("sheet").replaceChildren(...here.map((index) => {
      const item = document.createElement("li"), button = document.createElement("button"), image = new Image();
      [image.src, image.alt, image.loading] = [pictures[index].address, "", "lazy"];
      [image.width, image.height] = [network().width, network().height];
      [button.type, button.value] = ["button", index];
      button.setAttribute("aria-label", `${pictures[index].title}: show in the last picture`);
      button.append(image, pictures[index].title);
      button.addEventListener("click", () => { selects[shown().length - 1].value = index; changed(); });
      item.append(button);
      return item;
    }));
    draw();
  }

  // --- What is shown.

  function draw() {
    const now = mode(), pictures = shown();
    part.dataset.shows = now;
    for (const control of part.querySelectorAll("[data-mode]")) control.hidden = control.dataset.mode !== now;
    at("panes").style.setProperty("--columns", Math.min(pictures.length, 4));
    at("panes").style.setProperty("--columns-narrow", now === "side" ? 1 + (pictures.length > 2) : 2);
    panes.forEach((pane, index) => { pane.hidden = index >= pictures.length; });
    pictures.forEach((picture, index) => describe(panes[index], picture));
    show(at("under"), pictures[0]);
    show(at("over"), pictures[1]);
    const [one, other] = pictures.map((picture) => picture.title), missing = pictures.find((picture) => !picture.address);
    const told = { side: "", slider: `Left ${one}, right ${other}`, blink: `${one} and ${other} in turn`, difference: `Where ${one} and ${other} differ, the brighter the more; black is no difference` }[now];
    at("compared").textContent = missing && now !== "side" ? without(missing) : told;
    stage.setAttribute("aria-label", `${at("compared").textContent}; ${network().title}, ${cropTitle()}`);
    stage.style.setProperty("--gain", at("gain").value);
    at("sheet").querySelectorAll("button").forEach((button) =>
      button.setAttribute("aria-pressed", String(pictures.includes(network().pictures[button.value]))));
    blink();
    slide();
    place();
  }

  function show(image, picture) {
    image.hidden = !picture.address;
    if (picture.address) image.src = picture.address; else image.removeAttribute("src");
  }

  function describe(pane, picture) {
    const view = pane.querySelector(".view"), gone = pane.querySelector(".gone");
    show(view.querySelector("img"), picture);
    gone.hidden = Boolean(picture.address);
    gone.textContent = picture.address ? "" : `${without(picture)} The crops at the end of the list, made where it was trained, have it.`;
    view.setAttribute("aria-label", `${gone.textContent || picture.title}, ${network().title}, ${cropTitle()}`);
    const parts = picture.scores.map(([name, value]) => {
      const score = document.createElement("span"), number = document.createElement("b");
      number.textContent = value;
      score.append(`${name} `, number);
      return score;
    });
    const instead = picture.address ? "The target itself" : "Not measured here";
    pane.querySelector(".scores").replaceChildren(...(parts.length ? parts : [instead]));
  }

  function blink(running = mode() === "blink" && at("pause").textContent === "Pause") {
    clearInterval(timer);
    stage.classList.remove("other");
    if (running) timer = setInterval(swap, PERIOD);
    tag();
  }

  function swap() {
    stage.classList.toggle("other");
    tag();
  }

  function tag() {
    at("tag").textContent = mode() === "blink" ? shown()[Number(stage.classList.contains("other"))].title : "";
  }

  function pause(paused) {
    at("pause").textContent = paused ? "Go on" : "Pause";
    clearInterval(timer);
    if (!paused) timer = setInterval(swap, PERIOD);
  }

  function slide() {
    const share = at("slider").value, [left, right] = shown();
    stage.style.setProperty("--at", `${share}%`);
    at("slider").setAttribute("aria-valuetext", `${share} % ${left.title}, ${100 - share} % ${right.title}`);
  }

  // --- Where it is shown: the same part at the same zoom in every view.

  const inUse = () => views.filter((view) => view.clientWidth);
  const fitting = (view) => clamp(Math.floor(Math.min(view.clientWidth / network().width, view.clientHeight / network().height)), 1, MOST_ZOOM);
  const zoomed = () => state.zoom || Math.min(MOST_ZOOM, ...inUse().map(fitting));

  /** The middle of what a view shows along one side, so that the picture fills the view where it can. */
  function middle(share, room, size) {
    const half = room / (2 * size);
    return half >= 0.5 ? 0.5 : clamp(share, half, 1 - half);
  }

  function place() {
    const zoom = zoomed(), width = network().width * zoom, height = network().height * zoom;
    at("zoom").textContent = `${Math.round(zoom * 100) / 100} ×`;
    for (const view of inUse()) {
      const [x, y] = [middle(state.x, view.clientWidth, width), middle(state.y, view.clientHeight, height)];
      for (const image of view.querySelectorAll("img")) {
        [image.style.width, image.style.height] = [`${width}px`, `${height}px`];
        image.style.left = `${Math.round(view.clientWidth / 2 - x * width)}px`;
        image.style.top = `${Math.round(view.clientHeight / 2 - y * height)}px`;
      }
      const fits = width <= view.clientWidth && height <= view.clientHeight;
      view.style.touchAction = fits ? "pan-y" : "none";  // a page can be scrolled past what needs no moving
    }
  }

  function move(view, right, down) {
    const zoom = zoomed(), width = network().width * zoom, height = network().height * zoom;
    state.x = middle(state.x - right / width, view.clientWidth, width);
    state.y = middle(state.y - down / height, view.clientHeight, height);
    place();
  }

  /** Zoom so that what lies at a point of a view, counted from its middle, stays there. */
  function zoomTo(wanted, view = inUse()[0], right = 0, down = 0) {
    const before = zoomed(), zoom = clamp(wanted, 1, MOST_ZOOM), { width, height } = network();
    const away = (1 / before - 1 / zoom);
    [state.zoom, state.x, state.y] = [zoom, state.x + right * away / width, state.y + down * away / height];
    move(view, 0, 0);
    written();
  }

  // --- The address.

  let writing = 0;
  function written() {
    clearTimeout(writing);
    writing = setTimeout(() => {
      const names = shown().map((one) => encodeURIComponent(one.name)).join(",");
      const zoom = state.zoom ? `&zoom=${Math.round(state.zoom * 100) / 100}` : "";
      const found = `crop=${encodeURIComponent(crop().name)}&network=${encodeURIComponent(network().name)}&panes=${names}`;
      history.replaceState(null, "", `${LINK}${found}${zoom}&mode=${mode()}`);
    }, 200);  // browsers allow few of these a second
  }

  function changed() {
    draw();
    written();
  }

  function followLink() {
    if (!location.hash.startsWith(LINK)) return;
    const link = new URLSearchParams(location.hash.slice(LINK.length)), zoom = Number(link.get("zoom"));
    const wanted = link.get("panes")?.split(",") ?? ["left", "right"].map((side) => link.get(side));
    at("count").value = clamp(wanted.length, 2, 4);
    const modes = [...at("mode").options].map((one) => one.value);
    at("mode").value = modes.includes(link.get("mode")) ? link.get("mode") : "side";
    state.zoom = zoom ? clamp(zoom, 1, MOST_ZOOM) : 0;
    at("crop").value = Math.max(0, find(crops, link.get("crop")));
    chooseCrop(link.get("network") ?? undefined);
    chooseNetwork(wanted);
    if (wanted[0] == null && selects[0].value === selects[1].value) {  // the baseline's own link
      selects[1].value = find(network().pictures, "target");
      draw();
    }
    const loaded = document.readyState === "complete";
    const land = () => at("explorer").scrollIntoView({ behavior: loaded ? "auto" : "instant" });
    land();
    if (!loaded) addEventListener("load", land, { once: true });  // what is above has its height by then
  }

  // --- Mouse, fingers, keys.

  function middleOf(view, x, y) {
    const box = view.getBoundingClientRect();
    return [x - box.left - box.width / 2, y - box.top - box.height / 2];
  }

  function press(event) {
    if (event.button) return;
    const view = event.currentTarget, box = view.getBoundingClientRect();
    view.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
    const line = box.left + box.width * at("slider").value / 100;
    const onLine = Math.abs(event.clientX - line) < 30 || view.style.touchAction !== "none";
    sliding = view === stage && mode() === "slider" && onLine && pointers.size === 1;
    if (sliding) slideTo(event);
  }

  function slideTo(event) {
    const box = stage.getBoundingClientRect();
    at("slider").value = Math.round(100 * (event.clientX - box.left) / box.width);
    slide();
  }

  function drag(event) {
    const before = pointers.get(event.pointerId), now = [event.clientX, event.clientY], view = event.currentTarget;
    if (!before) return;
    pointers.set(event.pointerId, now);
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const apart = ([x, y]) => Math.hypot(x - other[0], y - other[1]);
      const between = middleOf(view, (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
      zoomTo(zoomed() * apart(now) / Math.max(1, apart(before)), view, ...between);
    } else if (sliding) slideTo(event);
    else move(view, now[0] - before[0], now[1] - before[1]);
  }

  function release(event) {
    if (pointers.delete(event.pointerId) && !pointers.size) sliding = false;
  }

  /** A wheel scrolls the page until a picture is clicked, lest nobody gets past the pictures. */
  function wheel(event) {
    if (!event.ctrlKey && !views.includes(document.activeElement)) return;
    event.preventDefault();
    const view = event.currentTarget, step = event.deltaY < 0 ? Math.floor(zoomed()) + 1 : Math.ceil(zoomed()) - 1;
    zoomTo(step, view, ...middleOf(view, event.clientX, event.clientY));
  }

  const MODES = { b: "blink", d: "difference", s: "slider", escape: "side" };
  const ARROWS = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

  function key(event) {
    const inside = views.includes(event.target) ? event.target : null, name = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select, input")) return;
    if (name in MODES) setMode(mode() === MODES[name] ? "side" : MODES[name], Boolean(inside));
    else if (name === "+" || name === "=") zoomTo(Math.floor(zoomed()) + 1);
    else if (name === "-") zoomTo(Math.ceil(zoomed()) - 1);
    else if (name === "0") fit();
    else if (inside && event.key in ARROWS) move(inside, ...ARROWS[event.key].map((sign) => sign * STEP * inside.clientWidth));
    else if (inside && name === " " && mode() === "blink") { pause(true); swap(); }
    else return;
    event.preventDefault();
  }

  function setMode(wanted, focused) {
    at("mode").value = wanted;
    changed();
    if (focused) inUse()[0].focus({ preventScroll: true });  // which was in a view that is hidden now
  }

  function fit() {
    state.zoom = 0;
    place();
    written();
  }

  function start() {
    at("crop").replaceChildren(...crops.map((one, index) => new Option(`${one.name.replaceAll("_", " ")} (${one.image}, ${one.task})`, index)));
    at("crop").addEventListener("change", () => { chooseCrop(); written(); });
    at("network").addEventListener("change", () => { chooseNetwork(); written(); });
    for (const select of [...selects, at("mode"), at("count"), at("gain")]) select.addEventListener("change", changed);
    at("slider").addEventListener("input", slide);
    at("in").addEventListener("click", () => zoomTo(Math.floor(zoomed()) + 1));
    at("out").addEventListener("click", () => zoomTo(Math.ceil(zoomed()) - 1));
    at("fit").addEventListener("click", fit);
    at("pause").addEventListener("click", () => pause(at("pause").textContent === "Pause"));
    for (const view of views) {
      view.addEventListener("pointerdown", press);
      view.addEventListener("pointermove", drag);
      for (const end of ["pointerup", "pointercancel"]) view.addEventListener(end, release);
      view.addEventListener("wheel", wheel, { passive: false });
    }
    part.addEventListener("keydown", key);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) at("pause").textContent = "Go on";
    chooseCrop();
    new ResizeObserver(place).observe(part);  // also where it is unfolded
    addEventListener("hashchange", followLink);
    followLink();
  }

  if (crops.length) start();
}
