
"use strict";
// Draws each figure's plot from its specification, in the colours of the page.
(() => {
  const specs = JSON.parse(document.getElementById("plots").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const narrow = matchMedia("(max-width: 40rem)");
  const drawn = new Map();

  const config = () => {
    const style = getComputedStyle(document.documentElement);
    const [text, line] = ["--text", "--line"].map((name) => style.getPropertyValue(name).trim());
    const font = "system-ui, sans-serif";
    return {
      background: "transparent",
      font,
      view: { stroke: null },
      axis: {
        labelColor: text, titleColor: text, gridColor: line, domainColor: line, tickColor: line,
        labelLimit: narrow.matches ? 140 : 220, titleFontWeight: "normal",
      },
      axisY: { grid: false },
      axisQuantitative: { tickCount: narrow.matches ? 4 : 8 },
      axisX: { gridDash: [2, 3] },
      legend: { labelColor: text, titleColor: text, columns: narrow.matches ? 2 : 6, labelLimit: 220 },
    };
  };

  const draw = async () => {
    for (const place of document.querySelectorAll("[data-plot]")) {
      drawn.get(place)?.finalize();
      const result = await window.vegaEmbed(place, specs[place.dataset.plot], {
        mode: "vega-lite", renderer: "svg", actions: false, ast: true, config: config(),
        tooltip: { theme: dark.matches ? "dark" : "light" },
      });
      drawn.set(place, result);
    }
    document.documentElement.dataset.drawn = "yes";
  };

  const open = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target instanceof HTMLDetailsElement) target.open = true;
  };

  for (const changed of [dark, narrow]) changed.addEventListener("change", draw);
  addEventListener("hashchange", open);
  addEventListener("beforeprint", () => {
    for (const part of document.querySelectorAll("details")) part.open = true;
  });
  open();
  draw();
})();
