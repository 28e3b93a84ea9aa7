import { call, tell } from "./api.js";

const form = document.getElementById("login");
form.addEventListener("submit", (event) => {
  event.preventDefault();
  tell(async () => {
    const asked = Object.fromEntries(new FormData(form));
    await call("logIn", asked);
    window.location.assign("/");
  });
});
