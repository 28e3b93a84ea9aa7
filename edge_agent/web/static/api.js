// Calls the API by the names of its operations, which are those of its OpenAPI document.
const known = fetch("/api/operations.json").then((answer) => answer.json());
let token = "";

export async function address(name, path = {}, query = {}) {
  const row = (await known)[name];
  const place = row.path.replace(/{(\w+)}/g, (_, key) => encodeURIComponent(path[key]));
  const words = new URLSearchParams(query).toString();
  return words ? `${place}?${words}` : place;
}

// asked: the query of a GET, else the body; path: the words of its address.
export async function call(name, asked, path = {}) {
  const { method } = (await known)[name];
  const changes = method !== "GET";
  if (changes && !token && name !== "logIn") token = (await call("whoAmI")).csrf;
  const has_body = changes && asked !== undefined;
  const headers = { ...(changes && token ? { "X-CSRF-Token": token } : {}),
    ...(has_body ? { "Content-Type": "application/json" } : {}) };
  const answer = await fetch(await address(name, path, changes ? {} : asked), { headers,
    method, body: has_body ? JSON.stringify(asked) : undefined,
    credentials: "same-origin" });
  const found = await answer.json();
  if (answer.ok) return found;
  if (answer.status === 401 && name !== "logIn") window.location.assign("/login");
  throw new Error(found.cure ? `${found.error}: ${found.cure}` : found.error);
}

export async function tell(act) {
  const place = document.getElementById("problem");
  try {
    place.hidden = true;
    return await act();
  } catch (error) {
    place.textContent = error.message;
    place.hidden = false;
    return undefined;
  }
}

export const language = document.documentElement.dataset.language;
export const locale = language === "zh" ? "zh-CN" : "en-GB";
export const words = fetch(`/words/${language}.json`).then((answer) => answer.json());

export function element(name, text, more = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  return Object.assign(made, more);
}

// A short line in the corner that a change is made.
export function done(text) {
  const place = document.getElementById("done");
  place.textContent = text;
  window.setTimeout(() => { if (place.textContent === text) place.textContent = ""; }, 4000);
}

export function moment(at_ns) {
  return new Date(at_ns / 1e6).toLocaleString(locale);
}

document.getElementById("log-out")?.addEventListener("click", () => tell(async () => {
  await call("logOut");
  window.location.assign("/login");
}));
