
"use strict";
for (const player of document.querySelectorAll(".player")) {
  const sound = player.querySelector("audio");
  const toggle = player.querySelector(".toggle");
  const drawing = player.closest(".call").querySelector(".waveform");
  const head = drawing ? drawing.querySelector(".playhead") : null;
  const [left, length, whole] = drawing ? drawing.dataset.scale.split(" ").map(Number) : [0, 1, 1];
  const after = Number(player.dataset.after);
  const seek = (to) => { sound.currentTime = Math.min(Math.max(to, 0), sound.duration || 0); };
  const step = (by) => seek(sound.currentTime + by);
  const turn = () => { if (sound.paused) { sound.play(); } else { sound.pause(); } };
  const follow = () => {
    if (!head) { return; }
    const x = left + Math.min((after + sound.currentTime) / whole, 1) * length;
    head.setAttribute("x1", x);
    head.setAttribute("x2", x);
    head.removeAttribute("hidden");
    if (!sound.paused) { requestAnimationFrame(follow); }
  };
  player.querySelector(".buttons").removeAttribute("hidden");
  player.querySelector(".back").addEventListener("click", () => step(-5));
  player.querySelector(".forward").addEventListener("click", () => step(5));
  toggle.addEventListener("click", turn);
  for (const name of ["play", "pause", "ended"]) {
    sound.addEventListener(name, () => { toggle.textContent = sound.paused ? "Play" : "Pause"; follow(); });
  }
  sound.addEventListener("seeked", follow);
  player.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) { return; }
    const by = { ArrowLeft: -5, ArrowRight: 5 }[event.key];
    if (by) { step(by); event.preventDefault(); }
  }, true);
  if (drawing) {
    drawing.addEventListener("click", (event) => {
      const box = drawing.getBoundingClientRect();
      const x = (event.clientX - box.left) / box.width * 1000;
      seek((x - left) / length * whole - after);
    });
  }
}
