// Maps over pictures, the parts, and what the server is computing. Everything else works without scripts.
"use strict";

const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const view = () => document.querySelector("[data-view]");

function chosen() { return document.querySelector("[data-map][aria-pressed=true]"); }

function choose(button) {
  all("[data-map][aria-pressed=true]").forEach((one) => one.setAttribute("aria-pressed", "false"));
  button?.setAttribute("aria-pressed", "true");
  showMap(button);
}

function showMap(button) {
  const canvas = view()?.querySelector(".canvas");
  if (!canvas) return;
  const over = canvas.querySelector(".over");
  const shown = view().querySelector("[data-shown]");
  if (!button) {
    over.hidden = true;
    canvas.classList.remove("signed");
    shown.textContent = "The picture as it is.";
    return;
  }
  over.src = button.dataset.map;
  over.alt = button.dataset.title;
  over.hidden = false;
  canvas.classList.toggle("signed", button.classList.contains("spoken"));
  shown.textContent = button.dataset.title;
}

// A dot with its name on the first side where it covers no other name; where there is none, the pointer tells it.
function place(canvas, x, y, text) {
  const dot = document.createElement("i");
  dot.style.left = x + "%";
  dot.style.top = y + "%";
  dot.title = text;
  const name = document.createElement("span");
  name.textContent = text;
  dot.append(name);
  const others = all(".dot span:not([hidden])", canvas).map((one) => one.getBoundingClientRect());
  const frame = canvas.getBoundingClientRect();
  canvas.append(dot);
  for (const side of ["right", "left", "below", "above"]) {
    dot.className = `dot ${side}`;
    const own = name.getBoundingClientRect();
    const inside = own.left >= frame.left && own.right <= frame.right && own.top >= frame.top && own.bottom <= frame.bottom;
    const covers = (one) => one.left < own.right && own.left < one.right && one.top < own.bottom && own.top < one.bottom;
    if (inside && !others.some(covers)) return;
  }
  name.hidden = true;
}

function showPoints(wanted) {
  const canvas = view().querySelector(".canvas");
  all(".dot", canvas).forEach((dot) => dot.remove());
  view().querySelector("[data-points]").setAttribute("aria-pressed", String(wanted));
  if (wanted) all(".point", view()).forEach((one) => place(canvas, +one.dataset.x, +one.dataset.y, one.textContent));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.map !== undefined) choose(button === chosen() ? null : button);
  if (button.dataset.clear !== undefined) { choose(null); showPoints(false); }
  if (button.dataset.points !== undefined) showPoints(button.getAttribute("aria-pressed") !== "true");
  if (button.dataset.point !== undefined) {
    const canvas = view().querySelector(".canvas");
    all(".dot", canvas).forEach((dot) => dot.remove());
    place(canvas, ...button.dataset.point.split(",").map(Number), button.dataset.title);
  }
});

// A word's map is shown while the pointer or the keyboard rests on it, and stays once it is chosen.
for (const [kind, rests] of [["mouseover", true], ["focusin", true], ["mouseout", false], ["focusout", false]]) {
  document.addEventListener(kind, (event) => {
    const word = event.target.closest?.(".spoken");
    if (word) showMap(rests ? word : chosen());
  });
}

document.addEventListener("input", (event) => {
  if (event.target.dataset.opacity === undefined) return;
  document.documentElement.style.setProperty("--cover", event.target.value / 100);
});
document.addEventListener("change", (event) => {
  if (event.target.dataset.submit !== undefined) event.target.form.submit();
  // "Nothing" and anything else are not ticked together.
  if (event.target.matches(".ticks input") && event.target.checked) {
    const alone = event.target.dataset.alone !== undefined;
    all(".ticks input").forEach((one) => { if ((one.dataset.alone !== undefined) !== alone) one.checked = false; });
  }
});

function settle() {
  const points = document.querySelector("[data-points]");
  if (points) points.hidden = !document.querySelector(".point");
  const cells = all(".matrix td[data-count]");
  const largest = Math.max(1, ...cells.map((cell) => +cell.dataset.count));
  for (const cell of cells) {
    const share = +cell.dataset.count / largest;
    if (!share) continue;
    cell.classList.add("some");
    cell.style.backgroundColor = `color-mix(in oklab, #0b6e69 ${Math.round(35 + 65 * share)}%, #5c6a75)`;
  }
}
document.addEventListener("DOMContentLoaded", settle);
document.addEventListener("htmx:afterSettle", settle);

// An answer that is no success still says in a sentence what is wrong: show it in its place.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.status >= 400) { event.detail.shouldSwap = true; event.detail.isError = false; }
});

// The stream is open only while this page waits: browsers hold few connections to one server, for all tabs together.
const working = document.getElementById("working");
let waiting = 0, events = null;
function listen() {
  if (events || !waiting || document.hidden) return;
  events = new EventSource("/api/progress");
  events.onmessage = (event) => {
    const state = JSON.parse(event.data);
    working.hidden = !state.title;
    if (!state.title) return;
    const more = state.waiting ? `, then ${state.waiting} more` : "";
    working.querySelector("span").textContent = state.title + (state.step ? `: ${state.step.toLowerCase()}` : "") + more;
    const bar = working.querySelector("progress");
    if (state.total) { bar.max = state.total; bar.value = state.done; } else { bar.removeAttribute("value"); }
  };
}
function rest() {
  events?.close();
  events = null;
  working.hidden = true;
}
document.addEventListener("htmx:beforeRequest", () => { waiting += 1; setTimeout(listen, 400); });
document.addEventListener("htmx:afterRequest", () => { waiting -= 1; if (!waiting) rest(); });
document.addEventListener("visibilitychange", () => { if (document.hidden) rest(); else listen(); });
addEventListener("pagehide", rest);
