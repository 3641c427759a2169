// What the chapter changes, one slide at a time.

const [place, code] = ["place", "code"].map((id) => document.getElementById(id));
let slides = [];
// What is said if there are none.
let sentence = "";
let number = 0;

export function setSlides(found, nothing) {
  number = 0;
  changeSlides(found, nothing);
}

// The number stays, or is that of the last one.
export function changeSlides(found, nothing) {
  slides = found;
  sentence = nothing;
  turn(0);
}

export function turn(by) {
  number = Math.min(Math.max(number + by, 0), Math.max(slides.length - 1, 0));
  show();
}

function show() {
  code.replaceChildren();
  place.replaceChildren();
  if (!slides.length) {
    place.textContent = sentence;
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
