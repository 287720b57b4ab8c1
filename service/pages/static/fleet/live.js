// Keeps an open page up to date: asks for the part that changes, and changes what differs in place.
// Focus, open and closed details, selection and scroll stay, for elements are kept and never written anew.
const LIVELY = 1000;
const QUIET = 2000;
const LONGEST = 30000;
const GIVE_UP = 10000;
const TICK = 200;

const live = document.getElementById("live");
const connection = document.getElementById("connection");
const news = document.getElementById("news");
let skew = 0;
let etag = "";
let failures = 0;
let timer = 0;
let asking = null;
let ended = false;

function now() {
  return Date.now() / 1000 + skew;
}

// The server's clock counts, not this one's.
function learnClock() {
  skew = Number(live.dataset.now) - Date.now() / 1000;
}

function address() {
  const known = [...live.querySelectorAll("[data-version]")].map((one) => one.dataset.version);
  const url = new URL(live.dataset.live, location.href);
  if (known.length) url.searchParams.set("known", known.join(","));
  return url;
}

async function poll() {
  clearTimeout(timer);
  if (ended || asking || document.hidden) return;
  asking = new AbortController();
  const limit = setTimeout(() => asking.abort(), GIVE_UP);
  let wait = 0;
  try {
    const response = await fetch(address(), {
      headers: etag ? { "If-None-Match": etag } : {},
      cache: "no-store",
      signal: asking.signal,
    });
    wait = await take(response);
  } catch {
    wait = lost(0);
  } finally {
    clearTimeout(limit);
    asking = null;
  }
  if (!ended && !document.hidden) timer = setTimeout(poll, wait);
}

async function take(response) {
  if ([401, 403, 404].includes(response.status)) {
    ended = true;
    say("This page is not kept up to date any more: reload it.");
    return 0;
  }
  if (response.status !== 200 && response.status !== 304) return lost(Number(response.headers.get("Retry-After")));
  if (response.status === 200) {
    show(await response.text());
    etag = response.headers.get("ETag") || "";
  }
  failures = 0;
  say("");
  return live.querySelector("[data-moves]") ? LIVELY : QUIET;
}

// Once is a hiccup, as when Harbour itself is deployed; twice is told.
function lost(seconds) {
  failures += 1;
  if (failures > 1) say("Connection lost: what you see may be old. Trying again.");
  const pause = Math.max(Math.min(LIVELY * 2 ** (failures - 1), LONGEST), Math.min(seconds * 1000 || 0, LONGEST));
  return pause * (0.8 + Math.random() * 0.4);
}

function say(text) {
  if (connection.textContent !== text) connection.textContent = text;
}

function states() {
  return new Map([...live.querySelectorAll("[data-state]")].map((one) => [one.id, one]));
}

function show(text) {
  const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("live");
  if (!fresh) throw new Error("not a part of this page");
  const before = new Map([...states()].map(([id, one]) => [id, one.dataset.state]));
  const hold = anchor();
  merge(live, fresh);
  learnClock();
  tick();
  hold();
  announce([...states().values()].filter((one) => before.get(one.id) !== one.dataset.state));
}

// What is read stays where it is when something is put in above. Not every browser does it, and those that do not always
// do: page.css turns theirs off.
function anchor() {
  const seen = [...live.querySelectorAll("[id]")].find((one) => one.getBoundingClientRect().top >= 0);
  const top = seen?.getBoundingClientRect().top;
  return () => seen?.isConnected && window.scrollY > 0 && window.scrollBy(0, seen.getBoundingClientRect().top - top);
}

function announce(changed) {
  if (!changed.length) return;
  const told = changed.slice(0, 3).map((one) => one.dataset.spoken);
  if (changed.length > 3) told.push(`and ${changed.length - 3} more`);
  news.textContent = told.join("; ");
}

function merge(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (fresh.hasAttribute("data-same") || old.hasAttribute("data-keep")) return;
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value && !isTheReaders(old, name)) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !isTheReaders(old, name)) old.removeAttribute(name);
  }
  mergeChildren(old, fresh);
}

// Whether details are open is up to who reads.
function isTheReaders(element, attribute) {
  return element.localName === "details" && attribute === "open";
}

function mergeChildren(old, fresh) {
  const named = new Map([...old.children].filter((one) => one.id).map((one) => [one.id, one]));
  let place = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const mine = wanted.id ? named.get(wanted.id) : place && !place.id && alike(place, wanted) ? place : null;
    if (!mine) {
      if (!wanted.hasAttribute?.("data-same")) old.insertBefore(wanted, place);
      continue;
    }
    if (mine === place) place = place.nextSibling;
    else old.insertBefore(mine, place);
    merge(mine, wanted);
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

function alike(one, other) {
  return one.nodeName === other.nodeName;
}

function spoken(seconds) {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
}

function ago(seconds) {
  for (const [unit, length] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    const count = Math.floor(seconds / length);
    if (count >= 1) return `${count} ${unit}${count > 1 ? "s" : ""} ago`;
  }
  return "just now";
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// What runs goes on between two answers: its seconds count, its bar grows, and the scale with it.
function tick() {
  for (const moving of live.querySelectorAll("[data-moves]")) {
    const whole = moving.querySelector("[data-began]");
    if (!whole) continue;
    const total = Math.max(now() - Number(whole.dataset.began), 0.001);
    for (const one of whole.querySelectorAll("[data-ticks]")) {
      write(one, spoken(Math.max(total - Number(one.dataset.ticks), 0)));
    }
    for (const bar of whole.querySelectorAll("rect[data-at]")) draw(bar, total);
  }
}

function draw(bar, total) {
  const start = Math.min((Number(bar.dataset.at) / total) * 100, 99.4);
  const seconds = bar.dataset.seconds === undefined ? total - Number(bar.dataset.at) : Number(bar.dataset.seconds);
  bar.setAttribute("x", `${start.toFixed(2)}%`);
  bar.setAttribute("width", `${Math.min(Math.max((seconds / total) * 100, 0.6), 100 - start).toFixed(2)}%`);
}

function age() {
  for (const one of document.querySelectorAll("[data-age]")) {
    write(one, ago(now() - Date.parse(one.dateTime) / 1000));
  }
}

if (live) {
  learnClock();
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) asking?.abort();
    else poll();
  });
  window.addEventListener("online", poll);
  window.addEventListener("pageshow", (event) => event.persisted && poll());
  setInterval(() => document.hidden || tick(), TICK);
  setInterval(() => document.hidden || age(), LONGEST);
  tick();
  timer = setTimeout(poll, LIVELY);
}
