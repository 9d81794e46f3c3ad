/** Makes elements of the page and of figures. No text is ever read as markup. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an element.
 *
 * @param {string} name of the tag, with classes: `button.quiet`.
 * @param {object} properties attributes; a function is a listener, as in `onclick`; false and null set nothing.
 * @param {...(Node|string)} children
 */
export function make(name, properties = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  return fill(document.createElement(tag), classes, properties, children);
}

/** Make an element of a figure; arguments are those of `make`. */
export function draw(name, properties = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  return fill(document.createElementNS(SVG, tag), classes, properties, children);
}

function fill(element, classes, properties, children) {
  if (classes.length) element.setAttribute("class", classes.join(" "));
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Find the element that has an id. */
export function find(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no element '${id}'`);
  return element;
}

/** Show a message to whoever reads or hears the page; '' hides it. */
export function tell(element, text) {
  element.textContent = text;
  if (element.getAttribute("role") === "alert" || element.classList.contains("alert")) element.hidden = !text;
}

/** Whether the reader of the page wants little motion. */
export function isCalm() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
