"use strict";
const page = document.body.dataset, feed = document.getElementById("feed"), scroller = document.getElementById("scroll");
const modal = document.getElementById("modal"), confirmBox = document.getElementById("confirm"), toast = document.getElementById("toast");

async function send(path, fields) {
  const body = new URLSearchParams({ as: page.as, channel: page.channel });
  for (const [name, value] of fields) body.append(name, value);
  const answer = await fetch("/do/" + path, { method: "POST", body });
  if (answer.ok) return;
  toast.textContent = await answer.text();
  toast.classList.add("shown");
  setTimeout(() => toast.classList.remove("shown"), 4000);
}

let drawing = false, again = false;
async function redraw() {
  if (drawing) { again = true; return; }
  drawing = true;
  try {
    const answer = await fetch(`/channel/${page.channel}/feed?as=${page.as}`);
    if (answer.ok) show(await answer.text());
  } finally {
    drawing = false;
    if (again) { again = false; redraw(); }
  }
}

function show(html) {
  const atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 80;
  const folded = new Set([...feed.querySelectorAll(".thread:not([open])")].map(t => t.closest(".message").id));
  const menu = feed.querySelector(".overflow[open]");
  if (menu) { setTimeout(redraw, 1500); return; } // do not close a menu under the pointer
  feed.innerHTML = html;
  for (const id of folded) document.getElementById(id)?.querySelector(".thread")?.removeAttribute("open");
  if (atEnd) scroller.scrollTop = scroller.scrollHeight;
  showModal();
}

function showModal() {
  const source = document.getElementById("modal-source");
  if (!source) { if (modal.open) modal.close(); modal.dataset.key = ""; return; }
  if (modal.dataset.key === source.dataset.key) return;
  const typed = new Map(modal.open ? [...new FormData(modal.querySelector("form"))] : []);
  modal.innerHTML = source.innerHTML;
  for (const [name, value] of typed) {
    const field = modal.querySelector(`[name="${CSS.escape(name)}"]`);
    if (field && !["radio", "checkbox"].includes(field.type)) field.value = value;
  }
  modal.dataset.key = source.dataset.key;
  if (!modal.open) modal.showModal();
  modal.querySelector(".field input, .field textarea, .field select")?.focus();
}

function ask(d) {
  if (d.text === undefined) return Promise.resolve(true);
  const [no, yes] = confirmBox.querySelectorAll("button");
  confirmBox.querySelector("h3").textContent = d.confirm || "Are you sure?";
  confirmBox.querySelector("p").innerHTML = d.text; // drawn and escaped by the server
  no.textContent = d.no || "Cancel";
  yes.textContent = d.yes || "Yes";
  yes.className = "btn " + (d.style || "primary");
  confirmBox.showModal();
  return new Promise(answer => {
    no.onclick = () => { confirmBox.close(); answer(false); };
    yes.onclick = () => { confirmBox.close(); answer(true); };
    confirmBox.oncancel = () => answer(false);
  });
}

async function press(element, values) {
  if (!await ask(element.dataset)) return;
  element.classList.add("busy");
  element.closest(".overflow")?.removeAttribute("open");
  const where = element.closest("[data-ts]"), view = element.closest("[data-view]");
  const fields = [["block", element.closest("[data-block]").dataset.block], ["action", element.dataset.action]];
  if (view) fields.push(["view", view.dataset.view]);
  else fields.push(["channel", where.dataset.channel], ["ts", where.dataset.ts]);
  for (const value of values) fields.push(["value", value]);
  try {
    await send("press", fields);
  } finally {
    element.classList.remove("busy");
  }
}

document.addEventListener("click", event => {
  const button = event.target.closest("button[data-action]");
  if (button) {
    event.preventDefault();
    if (button.dataset.url) window.open(button.dataset.url, "_blank", "noopener");
    press(button, [button.dataset.value]);
  }
  const close = event.target.closest("#modal .close");
  if (close) send("close", [["view", modal.querySelector("form").dataset.view]]);
  for (const menu of document.querySelectorAll(".overflow[open]")) if (!menu.contains(event.target)) menu.removeAttribute("open");
});

document.addEventListener("change", event => {
  const element = event.target;
  if (!element.dataset.action || element.closest(".field")) return;
  press(element, element.multiple ? [...element.selectedOptions].map(o => o.value) : [element.value]);
});

modal.addEventListener("submit", event => {
  event.preventDefault();
  const form = event.target;
  send("submit", [["view", form.dataset.view], ...new FormData(form)]);
});
modal.addEventListener("cancel", event => {
  event.preventDefault();
  send("close", [["view", modal.querySelector("form").dataset.view]]);
});

const composer = document.getElementById("composer");
composer.addEventListener("submit", event => {
  event.preventDefault();
  send("type", [["text", composer.text.value]]);
  composer.text.value = "";
});

scroller.scrollTop = scroller.scrollHeight;
showModal();
new EventSource("/events").onmessage = redraw;
