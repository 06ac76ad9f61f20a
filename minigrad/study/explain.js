"use strict";
document.documentElement.classList.add("js");
const steps = [...document.querySelectorAll("main > section")];
const links = [...document.querySelectorAll("svg a")];
const back = document.getElementById("back");
const next = document.getElementById("next");
let now = 0;

function show(i) {
  if (i < 0 || i >= steps.length) return;
  now = i;
  steps.forEach((step, k) => step.classList.toggle("now", k === i));
  for (const link of links) {
    const is = link.getAttribute("href") === "#" + steps[i].id;
    if (is) link.setAttribute("aria-current", "step");
    else link.removeAttribute("aria-current");
  }
  for (const node of document.querySelectorAll("svg g")) {
    node.classList.toggle("now", node.querySelector("[aria-current]") !== null);
  }
  back.disabled = i === 0;
  next.disabled = i === steps.length - 1;
  const title = steps[i].querySelector("h2").textContent;
  document.getElementById("where").textContent = `${i + 1} of ${steps.length}: ${title}`;
  const main = steps[i].parentElement;
  if (main.getBoundingClientRect().top < 0) main.scrollIntoView();
}

function go(i) {  // not while the page loads: a browser would scroll to the new address
  show(i);
  history.replaceState(null, "", "#" + steps[now].id);
}

function named() {
  return steps.findIndex((step) => "#" + step.id === location.hash);
}

back.addEventListener("click", () => go(now - 1));
next.addEventListener("click", () => go(now + 1));
addEventListener("hashchange", () => show(named()));
addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (event.target.closest("input, .scroll, pre")) return;  // they use the arrows
  if (event.key === "ArrowRight") go(now + 1);
  else if (event.key === "ArrowLeft") go(now - 1);
});

for (const form of document.querySelectorAll(".ask")) {
  const answer = form.nextElementSibling;
  const said = form.querySelector("output");
  const right = Number(form.dataset.answer);
  const close = (a, b) => Math.abs(a - b) <= 0.01 * Math.abs(b) + 5e-5;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = form.querySelector("input").value.trim().replace("−", "-").replace(",", ".");
    const value = Number(text);
    if (text === "" || Number.isNaN(value)) {
      said.textContent = "Write a number, such as -0.25.";
    } else if (close(value, right)) {
      said.textContent = "Right.";
      answer.classList.add("open");
    } else if (close(-value, right)) {
      said.textContent = "The size is right, the sign is not.";
    } else {
      said.textContent = "Not yet. Put the numbers into the rule.";
    }
  });
  form.querySelector("[type=button]").addEventListener("click", () => {
    said.textContent = "";
    answer.classList.add("open");
  });
}

let opened = [];
addEventListener("beforeprint", () => {  // CSS cannot open them in every browser
  opened = [...document.querySelectorAll("details:not([open])")];
  for (const details of opened) details.open = true;
});
addEventListener("afterprint", () => {
  for (const details of opened) details.open = false;
});
show(Math.max(named(), 0));
