// The dashboard: asks the orchestrator for what it shows, again and again, and writes it with textContent alone, for all
// that it shows came from pages that nobody here wrote.
import { absent, collection, lapse, overview } from "./views.js";

const EVERY = 5000;
const main = document.querySelector("#main");
const gate = document.querySelector("#gate");
const contact = document.querySelector("#contact");
let shown = "";
let timer = 0;
let asked = 0;

function place() {
  const [, kind, name] = location.hash.split("/");
  if (kind === "collections" && name) {
    const told = readable(name);
    return { path: `overview/collections/${encodeURIComponent(told)}`, draw: collection, title: `${told} · scrapr` };
  }
  const after = kind === "after" && name ? `?after=${name}` : "";
  return { path: `overview${after}`, draw: overview, title: "scrapr" };
}

// Any text may stand behind the #, also one that is no encoding of anything.
function readable(name) {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

async function look() {
  clearTimeout(timer);
  const number = ++asked;
  const here = place();
  const url = `../v1/${here.path}`;
  try {
    const answer = await fetch(url, { headers: shownToken(), signal: AbortSignal.timeout(10000) });
    const data = await answer.json();
    if (number !== asked) return;
    askForToken(answer.status === 401 || answer.status === 403, data.detail);
    if (answer.status === 404) show({ ...here, draw: absent }, url, { at: Date.now(), ...data });
    else if (answer.ok) show(here, url, data);
    else warn(`The orchestrator refuses: ${data.detail || data.title}.`);
  } catch (error) {
    if (number !== asked) return;
    warn(`No answer from the orchestrator: ${error.message}.`);
  }
  timer = setTimeout(look, EVERY);
}

function warn(told) {
  contact.textContent = shown ? `${told} What is shown is old.` : told;
  contact.className = "notice";
}

// Where reads are private: the token that somebody gave, kept until the tab is closed.
function shownToken() {
  const token = sessionStorage.getItem("token");
  return token ? { Authorization: `Bearer ${token}` } : {};
}

function askForToken(wanted, why) {
  if (!wanted) return gate.setAttribute("hidden", "");
  gate.removeAttribute("hidden");
  gate.querySelector("p").textContent = why;
}

function show(here, url, data) {
  const { at, ...rest } = data;
  contact.className = "quiet";
  contact.textContent = `as of ${new Date(at).toLocaleTimeString()}`;
  document.querySelector("#json").href = url;
  document.title = here.title;
  const next = url + JSON.stringify(rest);
  if (next !== shown) {
    // What did not change is not written anew: a selection or a focus would be lost.
    const focused = document.activeElement?.getAttribute("href");
    main.replaceChildren(...here.draw(data));
    if (focused) main.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
    shown = next;
  }
  for (const time of main.querySelectorAll("time")) time.textContent = lapse(time, Date.now());
}

gate.addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", gate.elements.token.value.trim());
  gate.reset();
  look();
});
document.querySelector(".skip").addEventListener("click", (event) => {
  // What stands behind the # says which page is shown, and must stay.
  event.preventDefault();
  main.focus();
});
addEventListener("hashchange", () => {
  main.focus();
  scrollTo(0, 0);
  look();
});
document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : look()));
look();
