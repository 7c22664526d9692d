"use strict";
(() => {
  const source = document.getElementById("charts");
  const charts = source ? JSON.parse(source.textContent) : {};
  const registry = new Map();
  const key = (view, number) => `${view} ${number}`;

  const open = (element) => {
    for (let at = element; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  };
  const unlight = () => document.querySelectorAll(".lit, .highlight").forEach((e) => e.classList.remove("lit", "highlight"));
  const say = (view, text) => {
    const live = document.querySelector(`#${CSS.escape(view)} .live`);
    if (live) live.textContent = text;
  };
  const focusOn = (element) => {
    open(element);
    element.focus({ preventScroll: true });
    element.scrollIntoView({ block: "center" });
  };

  const toEvidence = (view, number) => {
    const row = document.getElementById(`${view}-record-${number}`);
    const back = row && row.querySelector("td:last-child a");
    const target = back ? document.getElementById(back.hash.slice(1)) : row;
    if (!target) return;
    unlight();
    target.classList.add("highlight");
    focusOn(target);
  };

  const toTimeline = (link) => {
    const { view, marks, from } = link.dataset;
    const found = marks.split(" ").flatMap((number) => registry.get(key(view, number)) || []);
    if (!found.length) return false;
    unlight();
    found.forEach((mark) => mark.classList.add("lit"));
    if (from) document.getElementById(from).classList.add("highlight");
    say(view, `${found.length === 1 ? "1 mark is" : `${found.length} marks are`} highlighted on the timeline.`);
    focusOn(found[0]);
    return true;
  };

  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

  const wire = (box, chart) => {
    const view = box.dataset.view;
    const marks = [...box.querySelectorAll("path[aria-label]")].filter((mark) => mark.getAttribute("aria-label") in chart.marks);
    marks.sort((a, b) => a.getBoundingClientRect().x - b.getBoundingClientRect().x);
    marks.forEach((mark, place) => {
      const number = chart.marks[mark.getAttribute("aria-label")];
      mark.setAttribute("tabindex", place === 0 ? "0" : "-1");
      if (number >= 0) {
        mark.setAttribute("role", "link");
        mark.setAttribute("aria-roledescription", "record, leads to its evidence");
        const known = registry.get(key(view, number)) || [];
        registry.set(key(view, number), [...known, mark]);
        mark.addEventListener("click", () => toEvidence(view, number));
      } else {
        mark.setAttribute("role", "img");
        mark.setAttribute("aria-roledescription", "record");
      }
      mark.addEventListener("focus", () => say(view, mark.getAttribute("aria-label")));
      mark.addEventListener("keydown", (event) => {
        if (event.key === "Enter" && number >= 0) {
          event.preventDefault();
          toEvidence(view, number);
        } else if (event.key in step) {
          const next = marks[place + step[event.key]];
          if (next) {
            event.preventDefault();
            marks.forEach((other) => other.setAttribute("tabindex", "-1"));
            next.setAttribute("tabindex", "0");
            next.focus();
          }
        }
      });
    });
  };

  const draw = async () => {
    const options = { mode: "vega-lite", renderer: "svg", actions: false, ast: true, defaultStyle: false, tooltip: { disableDefaultStyle: true } };
    for (const [id, chart] of Object.entries(charts)) {
      const box = document.getElementById(id);
      const words = box.textContent.trim();
      await window.vegaEmbed(box, chart.spec, options);
      // The library leaves an empty form for controls that no chart here has, and names the box as well as the picture.
      box.querySelector("form").remove();
      ["role", "aria-roledescription", "aria-label"].forEach((name) => box.removeAttribute(name));
      const svg = box.querySelector("svg");
      svg.setAttribute("role", "group");
      svg.setAttribute("aria-label", words);
      wire(box, chart);
    }
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-marks]");
    if (link && toTimeline(link)) event.preventDefault();
  });
  window.addEventListener("hashchange", () => {
    const target = document.getElementById(location.hash.slice(1));
    if (target) focusOn(target);
  });

  let closed = [];
  window.addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    closed.forEach((details) => { details.open = true; });
  });
  window.addEventListener("afterprint", () => closed.forEach((details) => { details.open = false; }));

  draw().then(
    () => { document.documentElement.dataset.drawn = "yes"; },
    (error) => { document.documentElement.dataset.drawn = "no"; console.error(error); },
  );
})();
