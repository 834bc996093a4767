"use strict";
// The claims: filters, and whatever a link leads to is opened. Asks no network for anything.
{
  const at = (id) => document.getElementById(id);
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
      target.scrollIntoView({ behavior: "instant" });
    }
  }

  if (claims.length) {
    for (const name of ["paper", "published", "measured"]) at(`by-${name}`).addEventListener("change", filterClaims);
    at("open-claims").addEventListener("click", openClaims);
  }
  addEventListener("hashchange", openLinked);
  // A second press on the same link changes no address.
  for (const link of document.querySelectorAll(".matrix a")) link.addEventListener("click", () => setTimeout(openLinked));
  openLinked();
}
