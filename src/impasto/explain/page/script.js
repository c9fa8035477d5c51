(() => {
  const film = [...document.querySelectorAll(".film li")];
  const player = document.querySelector(".player");
  const [stage, slider, button, output] = ["#stage", "#snapshot", "#play", "#status"].map((s) => player.querySelector(s));
  const pictures = film.map((item) => item.querySelector("img"));
  const steps = film.map((item) => Number(item.dataset.step));
  const boxes = [...document.querySelectorAll(".plot .box")];
  const { first, last } = JSON.parse(document.getElementById("data").textContent);
  let timer = 0;

  const show = (index) => {
    const item = film[index], text = item.dataset.text;
    slider.value = index;
    slider.setAttribute("aria-valuetext", text);
    stage.src = pictures[index].src;
    stage.alt = pictures[index].alt;
    output.textContent = text;
    film.forEach((other) => other.classList.toggle("now", other === item));
    for (const box of boxes) {
      const cursor = box.querySelector(".cursor");
      cursor.hidden = false;
      cursor.style.left = `${(100 * (steps[index] - first)) / Math.max(last - first, 1)}%`;
    }
  };
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    button.textContent = "Play";
  };
  const play = () => {
    if (Number(slider.value) === film.length - 1) show(0);
    button.textContent = "Pause";
    timer = setInterval(() => {
      const next = Number(slider.value) + 1;
      if (next < film.length) show(next);
      if (next >= film.length - 1) stop();
    }, 220);
  };
  const nearest = (step) => steps.reduce((best, s, i) => (Math.abs(s - step) < Math.abs(steps[best] - step) ? i : best), 0);

  button.addEventListener("click", () => (timer ? stop() : play()));
  slider.addEventListener("input", () => { stop(); show(Number(slider.value)); });
  pictures.forEach((picture, index) => picture.addEventListener("click", () => { stop(); show(index); }));
  for (const box of boxes) {
    const jump = (event) => {
      const { left, width } = box.getBoundingClientRect();
      stop();
      show(nearest(first + ((event.clientX - left) / width) * (last - first)));
    };
    box.addEventListener("pointerdown", jump);
    box.addEventListener("pointermove", (event) => event.buttons && jump(event));
  }
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((d) => (d.open = true)));
  document.documentElement.classList.add("scripted");
  player.hidden = false;
  show(film.length - 1);
})();
