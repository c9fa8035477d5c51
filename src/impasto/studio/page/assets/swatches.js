// The pictures of the styles: those in sight, one after the other, as at first each is made.

const waiting = [];
let loading = false;

function load() {
  const image = loading ? null : waiting.shift();
  if (!image) return;
  loading = true;
  image.onload = image.onerror = () => {
    loading = false;
    load();
  };
  image.alt = image.dataset.alt; // not before: without a picture it would be in its place
  image.src = image.dataset.src;
}

const sight = new IntersectionObserver((seen) => {
  for (const { target } of seen.filter((one) => one.isIntersecting)) {
    sight.unobserve(target);
    waiting.push(target);
  }
  load();
});
for (const image of document.querySelectorAll("#swatches img")) sight.observe(image);
