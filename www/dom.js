// Makes elements without ever parsing text as markup.

const SVG = "http://www.w3.org/2000/svg";

/** The element with this id; the page's own markup promises that it is there. */
export function byId(id) {
  return document.getElementById(id);
}

/** An HTML element. Strings among the children become text. */
export function html(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** An SVG element. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** Shows the text, or hides the element when there is none. */
export function say(element, text) {
  element.hidden = !text;
  if (element.textContent !== (text || "")) element.textContent = text || "";
}

/** Calls `draw` only when what it draws from has changed, so that lists keep still between changes. */
export function whenChanged(draw) {
  let last;
  return (view) => {
    const now = JSON.stringify(view);
    if (now === last) return;
    last = now;
    draw(view);
  };
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}
