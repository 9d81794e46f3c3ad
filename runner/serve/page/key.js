/** Asks for the key of the server. */

import { find, tell } from "./dom.js";

/**
 * Ask for a key; null if none is given.
 *
 * @param {boolean} wrong whether the server refused the one before.
 */
export function askKey(wrong) {
  const [dialog, input] = [find("key-dialog"), find("key-input")];
  tell(find("key-alert"), wrong ? "The server did not take this key." : "");
  input.value = "";
  dialog.returnValue = "";
  if (!dialog.open) dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "ok" ? input.value.trim() : null), { once: true });
  });
}

/** Let the dialog be left without a key. */
export function prepareKeyDialog() {
  find("key-cancel").addEventListener("click", () => find("key-dialog").close("cancel"));
}
