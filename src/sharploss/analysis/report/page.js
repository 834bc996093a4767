"use strict";
// What is folded away would not be printed; the claims' details stay folded, they are tens of pages.
{
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open]):not(.claim):not(.chooser)")];
    for (const part of folded) part.open = true;
  });
  addEventListener("afterprint", () => { for (const part of folded) part.open = false; });
  document.documentElement.setAttribute("data-ready", "");
}
