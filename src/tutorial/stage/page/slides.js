// What the chapter changes, one slide at a time.

const [place, code] = ["place", "code"].map((id) => document.getElementById(id));
let slides = [];
let number = 0;

export function setSlides(found, nothing) {
  slides = found;
  number = 0;
  show(nothing);
}

export function turn(by) {
  number = Math.min(Math.max(number + by, 0), Math.max(slides.length - 1, 0));
  show();
}

function show(nothing = "") {
  code.replaceChildren();
  place.replaceChildren();
  if (!slides.length) {
    place.textContent = nothing;
    return;
  }
  const slide = slides[number];
  const file = document.createElement("b");
  file.textContent = slide.file;
  place.append(`${number + 1} of ${slides.length}`, file, slide.section);
  code.innerHTML = slide.code;
  const first = code.querySelector(".plus, .minus");
  // What changes is seen first; the beginning of a long method is above it.
  code.scrollTop = first ? Math.max(first.offsetTop - code.offsetTop - 60, 0) : 0;
  code.scrollLeft = 0;
}
