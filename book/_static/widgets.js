// Two mends for stored widgets on a page. Loaded before the widget manager, on pages with a widget only.
window.addEventListener("load", () => {
  // The manager asks MathJax 2 to set labels; this site has MathJax 3.
  if (window.MathJax) {
    window.MathJax.Hub = { Queue: (call) => window.MathJax.typesetPromise?.([call[2]]) };
  }
  // Sliders have no name and output pictures no text for a screen reader: take both from the slider's label.
  const name = () => {
    const label = document.querySelector(".jupyter-widgets .widget-label")?.textContent || "value";
    for (const handle of document.querySelectorAll(".noUi-handle:not([aria-label])")) {
      const own = handle.closest(".jupyter-widgets")?.querySelector(".widget-label")?.textContent;
      handle.setAttribute("aria-label", own || label);
    }
    for (const image of document.querySelectorAll(".jupyter-widgets img:not([alt])")) {
      image.alt = `The figure above, for the chosen ${label}`;
    }
  };
  new MutationObserver(name).observe(document.querySelector("main") || document.body, { childList: true, subtree: true });
});
