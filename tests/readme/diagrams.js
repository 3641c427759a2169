// Draws a diagram as a small SVG file for paper. Mermaid is there already.

const SIZE = 14;
// Pixels. On paper there is room for 680: a wider diagram would be too small to read.
const WIDEST = 1000;

// What Mermaid adds for its own scripts.
const UNUSED = /^(data-|aria-|role$|name$)/;

const config = (wrap) => ({
  startOnLoad: false,
  securityLevel: "strict",
  theme: "neutral", // for black and white
  themeVariables: { fontSize: `${SIZE}px`, noteBkgColor: "#fff", noteTextColor: "#000" },
  fontFamily: "sans-serif",
  htmlLabels: false,
  flowchart: { useMaxWidth: false, nodeSpacing: 25, rankSpacing: 30, padding: 8, wrappingWidth: 240 },
  sequence: {
    useMaxWidth: false,
    mirrorActors: false,
    wrap,
    wrapPadding: 4,
    actorFontSize: SIZE,
    messageFontSize: SIZE,
    noteFontSize: SIZE,
    diagramMarginX: 5,
    width: 140,
    height: 45,
    actorMargin: 55,
    messageMargin: 25,
  },
  deterministicIds: true,
  handDrawnSeed: 1,
});

async function draw(text) {
  let drawing = await drawn(text, false);
  if (drawing.width.baseVal.value > WIDEST) {
    drawing = await drawn(text, true);
  }
  removeUnusedRules(drawing);
  removeUnusedParts(drawing);
  for (const element of [drawing, ...drawing.querySelectorAll("*")]) {
    shorten(element);
  }
  return new XMLSerializer().serializeToString(drawing);
}

// `wrap` breaks the long messages of a sequence diagram into lines.
async function drawn(text, wrap) {
  mermaid.initialize(config(wrap));
  document.body.innerHTML = (await mermaid.render("diagram", text)).svg;
  return document.querySelector("svg");
}

function removeUnusedRules(drawing) {
  for (const style of drawing.querySelectorAll("style")) {
    const used = [...style.sheet.cssRules].filter(
      (rule) => rule.selectorText && document.querySelector(rule.selectorText)
    );
    style.textContent = used.map((rule) => rule.cssText).join("\n");
  }
}

function removeUnusedParts(drawing) {
  const used = new Set(drawing.outerHTML.match(/(?<=url\(#)[^)]+/g));
  for (const part of drawing.querySelectorAll("marker, symbol, filter, linearGradient")) {
    if (!used.has(part.id)) {
      part.remove();
    }
  }
  for (const part of [...drawing.querySelectorAll("g, defs")].reverse()) {
    if (!part.childNodes.length) {
      part.remove();
    }
  }
}

function shorten(element) {
  for (const { name, value } of [...element.attributes]) {
    if (UNUSED.test(name) || value === "") {
      element.removeAttribute(name);
    } else if (!["id", "class", "style", "xmlns"].includes(name)) {
      const digits = (number) => Number(number).toFixed(1);
      element.setAttribute(name, value.replace(/-?\d+\.\d+/g, digits));
    }
  }
}
